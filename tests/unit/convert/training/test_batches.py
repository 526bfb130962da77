from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.labelled import load_faces  # noqa: E402
from edge_fer_convert import recipe  # noqa: E402
from edge_fer_convert.training import soft_labels  # noqa: E402
from edge_fer_convert.training.batches import Batches, class_weights  # noqa: E402


@pytest.fixture
def faces(drawn_zip):
    return load_faces(drawn_zip)


def batches(faces, teacher=None, **training) -> Batches:
    shipped = recipe.load("cnn-1")
    chosen = shipped.model_copy(update={"training": shipped.trained.model_copy(update={"batch_size": 8, **training})})
    return Batches(faces, soft_labels.hard(faces), chosen, chosen.trained.stages[0], 0, teacher)


@pytest.mark.parametrize("training", [{}, {"augmentation": "umer"}, {"mixup": 0.4}, {"cutmix": 1.0}, {"balance": 0.5}])
def test_batches_are_seeded_and_cover_every_face(faces, training):
    one, again = batches(faces, **training), batches(faces, **training)
    assert len(one) == 4
    sizes = []
    for at in range(len(one)):
        first, second = one[at], again[at]
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        assert first[0].shape[1:] == (48, 48, 1)
        assert 0 <= first[0].min() <= first[0].max() <= 1
        sizes.append(len(first[0]))
    assert sum(sizes) == len(faces)


def test_preprocessing_beyond_a_resize_reaches_training(faces):
    """A contract that equalises is trained on equalised faces."""
    shipped = recipe.load("cnn-1")
    edges = shipped.model_copy(update={"preprocess": shipped.preprocess.model_copy(update={"canny": (60.0, 120.0)})})
    values = Batches(faces, soft_labels.hard(faces), edges, edges.trained.stages[0], 0)[0][0]
    assert set(np.unique(values)) <= {0.0, 1.0}


@pytest.mark.parametrize("name", ["degrade", "mixed"])
def test_a_stage_may_change_faces_otherwise_than_the_training_does(faces, name):
    def values(of_training, of_stage):
        shipped = recipe.load("cnn-1")
        stage = shipped.trained.stages[0].model_copy(update={"augment": 1.0, name: of_stage})
        training = shipped.trained.model_copy(update={"mixup": 0.4, "mixed": 0.0, name: of_training})
        chosen = shipped.model_copy(update={"training": training})
        return Batches(faces, soft_labels.hard(faces), chosen, stage, 0)[0][0]

    assert np.array_equal(values(0.0, 1.0), values(1.0, None))
    assert np.array_equal(values(1.0, 0.0), values(0.0, None))
    assert not np.array_equal(values(0.0, 1.0), values(0.0, None))


def test_a_teacher_stands_behind_the_targets(faces):
    class Sure:
        def scores(self, crops):
            return np.full((len(crops), 7), 1 / 7, np.float32)

    told = batches(faces, Sure())[0][1]
    assert told.shape == (8, 14)
    assert np.allclose(told[:, 7:], 1 / 7)


def test_weights_make_rare_classes_count():
    labels = np.array([0] * 90 + [1] * 10)
    assert class_weights(labels, 2, 0.0).tolist() == [1, 1]
    full = class_weights(labels, 2, 1.0)
    assert full[0] * 90 == pytest.approx(full[1] * 10)
    half = class_weights(labels, 2, 0.5)
    assert (half * [0.9, 0.1]).sum() == pytest.approx(1)
    assert 1 < half[1] / half[0] < full[1] / full[0]
