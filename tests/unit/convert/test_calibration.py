from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_fer.errors import BadInput
from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.preprocess import Preprocess
from edge_fer_convert import calibration
from edge_fer_convert.calibration import Calibration


@pytest.fixture
def faces() -> LabelledFaces:
    """Classes 0, 1 and 2 with 50, 20 and 3 faces of noise."""
    labels = np.repeat([0, 1, 2], [50, 20, 3])
    images = np.random.default_rng(0).integers(0, 256, (73, 16, 16)).astype(np.uint8)
    return LabelledFaces(images, labels, tuple(map(str, range(73))), ("a", "b", "c"))


def test_chosen_images_are_balanced_as_far_as_there_are_any(faces):
    chosen = calibration.choose(faces, 30, 1)
    counts = np.bincount(chosen.labels)
    assert counts[2] == 3
    assert abs(counts[0] - counts[1]) <= 1
    assert len(set(chosen.paths)) == 30


def test_the_same_seed_chooses_the_same(faces):
    assert calibration.choose(faces, 30, 1).paths == calibration.choose(faces, 30, 1).paths
    assert calibration.choose(faces, 30, 1).paths != calibration.choose(faces, 30, 2).paths


def test_faces_without_labels_are_chosen_too(faces):
    bare = replace(faces, labels=np.full(73, -1))
    assert len(calibration.choose(bare, 30, 1)) == 30


def test_the_set_is_hashed_and_its_range_is_that_of_the_spec(faces):
    spec = Preprocess(size_px=16, low=-1.0, high=1.0)
    first = Calibration.of_faces(faces.take(np.arange(10)), spec)
    other = Calibration.of_faces(faces.take(np.arange(1, 11)), spec)
    assert first.sha256 != other.sha256
    assert first.values.shape == (10, 16, 16, 1)
    assert (first.values.min(), first.values.max()) == (-1, 1)
    untouched = spec.to_values(faces.images[1:10])
    assert np.array_equal(first.values[1:], untouched)


def test_images_of_one_colour_are_left_out_with_their_count(faces):
    images = faces.images.copy()
    images[[3, 7]] = 80
    warnings = []
    left = calibration.without_flat(replace(faces, images=images), warnings.append)
    assert len(left) == 71
    assert warnings[0].startswith("2 of 73 calibration images are of one colour and left out (3, 7")
    assert warnings[1].startswith("only 71 calibration images")


def test_nothing_but_one_colour_is_refused(faces):
    with pytest.raises(BadInput, match="all 73 calibration images are of one colour"):
        calibration.without_flat(replace(faces, images=np.full_like(faces.images, 7)), print)


def test_some_evaluated_images_are_left_out_with_a_warning(faces):
    warnings = []
    evaluated = faces.take(np.arange(5))
    other = replace(faces, images=faces.images[::-1] // 2)
    mixed = LabelledFaces(
        np.concatenate([evaluated.images[:2], other.images]), np.concatenate([evaluated.labels[:2], other.labels]),
        evaluated.paths[:2] + other.paths, faces.names,
    )  # fmt: skip
    left = calibration.without_evaluated(mixed, evaluated, warnings.append, forced=False)
    assert len(left) == 73
    assert warnings == [
        "2 of 5 evaluation images are in the calibration data too; they are left out of the calibration"
    ]


def test_the_test_set_inside_is_refused_unless_forced(faces):
    with pytest.raises(BadInput, match=r"20 of 20 evaluation images are in the calibration data.*--allow-overlap"):
        calibration.without_evaluated(faces, faces.take(np.arange(20)), print, forced=False)
    warnings = []
    assert calibration.without_evaluated(faces, faces.take(np.arange(20)), warnings.append, forced=True) is faces
    assert "the measured drop is too good" in warnings[0]


def test_calibration_is_balanced_and_seeded(pool):
    chosen = calibration.choose(pool, 14, seed=1)
    assert np.bincount(chosen.labels).tolist() == [2] * 7
    assert chosen.paths == calibration.choose(pool, 14, seed=1).paths
    assert len(set(chosen.paths)) == 14
    assert len(calibration.choose(pool, 1000)) == len(pool)
