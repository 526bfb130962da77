from __future__ import annotations

import numpy as np
import pytest

from edge_fer.evaluation.labelled import load_faces
from edge_fer_train import recipe, soft_labels
from edge_fer_train.augmentation.batches import AugmentedBatches
from edge_fer_train.augmentation.pool import AugmentationPool


@pytest.fixture
def made_of(drawn_zip):
    faces = load_faces(drawn_zip)
    shipped = recipe.load("cnn-1")
    chosen = shipped.model_copy(update={"training": shipped.trained.model_copy(update={"batch_size": 2})})
    return faces, soft_labels.hard(faces), chosen


def same(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_other_processes_make_the_batches_that_this_one_would(made_of):
    """In turn and again, of another epoch and of a stage of another size."""
    stages = made_of[2].trained.stages
    with AugmentationPool(*made_of, 2) as workers:
        for stage, epoch in ((stages[0], 0), (stages[0], 1), (stages[1], 2)):
            augmented = AugmentedBatches(*made_of, stage, epoch)
            batch = workers.ahead(augmented)
            for index in (*range(len(augmented)), 0, 5, 1):
                assert same(batch(index), augmented.batch(index))


def test_without_other_processes_this_one_makes_them(made_of):
    augmented = AugmentedBatches(*made_of, made_of[2].trained.stages[0], 0)
    with AugmentationPool(*made_of, 0) as workers:
        assert workers.ahead(augmented) == augmented.batch


def test_an_error_of_another_process_is_raised_here(made_of):
    faces, labels, chosen = made_of
    with AugmentationPool(faces, labels[:3], chosen, 1) as workers, pytest.raises(IndexError, match="out of bounds"):
        workers.ahead(AugmentedBatches(*made_of, chosen.trained.stages[0], 0))(0)
