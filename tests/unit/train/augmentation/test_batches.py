from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edge_fer.evaluation.labelled import load_faces
from edge_fer_train import recipe, soft_labels
from edge_fer_train.augmentation.batches import AugmentedBatches


@pytest.fixture
def faces(drawn_zip):
    return load_faces(drawn_zip)


def augmented(faces, stage=None, preprocess=None, epoch=0, **training) -> AugmentedBatches:
    shipped = recipe.load("cnn-1")
    trained = shipped.trained.model_copy(update={"batch_size": 8, **training})
    chosen = shipped.model_copy(update={"training": trained, "preprocess": preprocess or shipped.preprocess})
    return AugmentedBatches(faces, soft_labels.hard(faces), chosen, stage or chosen.trained.stages[0], epoch)


@pytest.mark.parametrize("training", [{}, {"augmentation": "umer"}, {"mixup": 0.4}, {"cutmix": 1.0}])
def test_batches_are_seeded(faces, training):
    one, again, next_epoch = (augmented(faces, epoch=epoch, **training) for epoch in (0, 0, 1))
    assert len(one) == 4
    for at in range(len(one)):
        (crops, labels), (same_crops, same_labels) = one.batch(at), again.batch(at)
        assert crops.shape == (8, 48, 48)
        assert crops.dtype == np.uint8
        assert labels.shape == (8, 7)
        assert np.array_equal(crops, same_crops)
        assert np.array_equal(labels, same_labels)
    assert not np.array_equal(one.batch(0)[0], next_epoch.batch(0)[0])


@pytest.mark.parametrize(("size", "batches", "of_the_last"), [(8, 4, 8), (28, 1, 28), (96, 1, 28), (27, 2, 27)])
def test_an_epoch_has_every_face_and_batches_of_one_size(faces, size, batches, of_the_last):
    """The last is filled up with the first faces; there are no more of them than there are faces."""
    assert len(faces) == 28
    one = augmented(faces, batch_size=size)
    assert len(one) == batches
    assert len(one.batch(batches - 1)[1]) == of_the_last
    seen = np.concatenate([one.faces_of(at) for at in range(batches)])
    assert sorted(set(seen.tolist())) == list(range(28))
    assert np.array_equal(seen[28:], seen[: len(seen) - 28])


def test_preprocessing_beyond_a_resize_reaches_training(faces):
    """A spec that equalises is trained on equalised faces."""
    edges = recipe.load("cnn-1").preprocess.model_copy(update={"canny": (60.0, 120.0)})
    assert set(np.unique(augmented(faces, preprocess=edges).batch(0)[0])) <= {0, 255}


@pytest.mark.parametrize("name", ["degrade", "mixed"])
def test_a_stage_may_change_faces_otherwise_than_the_training_does(faces, name):
    def crops(of_training, of_stage):
        stage = recipe.load("cnn-1").trained.stages[0].model_copy(update={"augment": 1.0, name: of_stage})
        return augmented(faces, stage, **{"mixup": 0.4, "mixed": 0.0, name: of_training}).batch(0)[0]

    assert np.array_equal(crops(0.0, 1.0), crops(1.0, None))
    assert np.array_equal(crops(1.0, 0.0), crops(0.0, None))
    assert not np.array_equal(crops(0.0, 1.0), crops(0.0, None))


def test_a_recipe_has_bounds_of_its_own(faces):
    untilted = recipe.OnlineAugmentation(rotation_deg=0.0)
    plain, other = augmented(faces), augmented(faces, online=untilted)
    assert np.array_equal(plain.batch(0)[0], augmented(faces, online=recipe.OnlineAugmentation()).batch(0)[0])
    assert not np.array_equal(plain.batch(0)[0], other.batch(0)[0])


def test_a_process_that_changes_faces_needs_no_keras():
    script = "import sys, edge_fer_train.augmentation.pool; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
