from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.evaluation.labelled import load_faces  # noqa: E402
from edge_fer_train import recipe, soft_labels  # noqa: E402
from edge_fer_train.augmentation.batches import AugmentedBatches  # noqa: E402
from edge_fer_train.keras_batches import Batches, class_weights  # noqa: E402


@pytest.fixture
def faces(drawn_zip):
    return load_faces(drawn_zip)


def augmented(faces, **training) -> AugmentedBatches:
    shipped = recipe.load("cnn-1")
    chosen = shipped.model_copy(update={"training": shipped.trained.model_copy(update={"batch_size": 8, **training})})
    return AugmentedBatches(faces, soft_labels.hard(faces), chosen, chosen.trained.stages[0], 0)


def batches(faces, teacher=None, **training) -> Batches:
    return Batches(augmented(faces, **training), teacher)


def test_a_step_gets_values_and_soft_labels(faces):
    given = batches(faces)
    values, labels = given[0]
    crops, expected = augmented(faces).batch(0)
    assert len(given) == 4
    assert values.shape == (8, 48, 48, 1)
    assert np.array_equal(values, recipe.load("cnn-1").preprocess.to_values(crops))
    assert np.array_equal(labels, expected)


def test_balance_weighs_faces(faces):
    assert batches(faces, balance=0.5)[0][2].shape == (8,)


def test_batches_may_be_made_elsewhere(faces):
    made = np.zeros((2, 48, 48), np.uint8), np.full((2, 7), 1 / 7, np.float32)
    asked = []
    values, labels = Batches(augmented(faces), batch=lambda at: asked.append(at) or made)[3]
    assert asked == [3]
    assert values.shape == (2, 48, 48, 1)
    assert labels is made[1]


def test_each_output_of_a_model_gets_the_soft_labels(faces):
    of_epoch = augmented(faces, balance=0.5)
    values, labels, weights = Batches(of_epoch, outputs=3)[0]
    assert values.shape == (8, 48, 48, 1)
    assert weights.shape == (8,)
    assert len(labels) == 3
    assert all(np.array_equal(of_output, of_epoch.batch(0)[1]) for of_output in labels)


def test_a_teachers_scores_follow_the_soft_labels(faces):
    class Unsure:
        def scores(self, crops):
            return np.full((len(crops), 7), 1 / 7, np.float32)

    rows = batches(faces, Unsure())[0][1]
    assert rows.shape == (8, 14)
    assert np.allclose(rows[:, 7:], 1 / 7)


def test_weights_make_rare_classes_count():
    labels = np.array([0] * 90 + [1] * 10)
    assert class_weights(labels, 2, 0.0).tolist() == [1, 1]
    full = class_weights(labels, 2, 1.0)
    assert full[0] * 90 == pytest.approx(full[1] * 10)
    half = class_weights(labels, 2, 0.5)
    assert (half * [0.9, 0.1]).sum() == pytest.approx(1)
    assert 1 < half[1] / half[0] < full[1] / full[0]
