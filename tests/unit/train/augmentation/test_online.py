from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess
from edge_fer_train.augmentation.online import Augment
from edge_fer_train.recipe import OnlineAugmentation


def test_augmentation_is_seeded_and_keeps_the_type(drawn_zip):
    images = load_faces(drawn_zip).images
    once, again = (Augment()(images, 64, np.random.default_rng(5)) for _ in range(2))
    assert once.shape == (28, 64, 64)
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert not np.array_equal(once, Augment()(images, 64, np.random.default_rng(6)))


def test_augmentation_of_nothing_is_a_resize(drawn_zip):
    images = load_faces(drawn_zip).images
    nothing = Augment(flip=0).weakened(0)
    assert np.abs(nothing(images, 48, np.random.default_rng(0)).astype(int) - images).max() <= 1


def test_a_face_that_is_not_square_is_resized_as_the_device_does_it():
    tall = np.random.default_rng(0).integers(0, 256, (60, 40), np.uint8)
    nothing = Augment(flip=0).weakened(0)
    expected = Preprocess(size_px=48).crop(tall).astype(int)
    assert np.abs(nothing(tall[np.newaxis], 48, np.random.default_rng(0))[0] - expected).max() <= 1


def test_degrading_takes_detail_and_leaves_what_is_not_degraded_as_it_was(drawn_zip):
    images = load_faces(drawn_zip).images
    plain, again = (Augment()(images, 48, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(plain, again)
    nothing = Augment(flip=0).weakened(0)
    worse = replace(nothing, degrade=1.0)(images, 48, np.random.default_rng(1))
    assert worse.shape == plain.shape
    changes = np.abs(worse.astype(int) - nothing(images, 48, np.random.default_rng(1))).mean(axis=(1, 2))
    assert (changes > 0).all()
    assert (changes > 1).mean() > 0.8
    assert changes.max() < 30


def test_the_defaults_of_a_recipe_are_those_of_the_augmentation():
    defaults = asdict(Augment())
    del defaults["degrade"]  # a stage may change it, so a recipe has it apart
    assert OnlineAugmentation().model_dump() == defaults


def matrices(augment: Augment, count: int = 3000) -> np.ndarray:
    """``(count, 2, 3)`` matrices from a pixel of the result to one of the face."""
    rng = np.random.default_rng(3)
    return np.stack([augment.matrix((48, 48), 48, rng) for _ in range(count)])


def test_a_box_may_grow_by_more_than_it_shrinks():
    only = replace(Augment(flip=0).weakened(0), scale=0.15, larger=0.20)
    sizes = matrices(only)[:, 0, 0]
    assert sizes.min() == pytest.approx(0.85, abs=0.002)
    assert sizes.max() == pytest.approx(1.20, abs=0.002)
    assert np.median(sizes) == pytest.approx(1.025, abs=0.01)
    half = matrices(only.weakened(0.5))[:, 0, 0]
    assert half.max() == pytest.approx(1.10, abs=0.002)


@pytest.mark.parametrize(("tilt", "beyond_15"), [("uniform", 0.4), ("triangular", 0.16)])
def test_triangular_tilts_are_more_often_small(tilt, beyond_15):
    only = replace(Augment(flip=0).weakened(0), rotation_deg=25.0, tilt=tilt)
    turns = matrices(only)
    degrees = np.rad2deg(np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))
    assert np.abs(degrees).max() <= 25
    assert (np.abs(degrees) > 15).mean() == pytest.approx(beyond_15, abs=0.03)
    assert degrees.mean() == pytest.approx(0, abs=1)


def test_without_a_bound_no_face_is_tilted():
    nothing = Augment(flip=0, tilt="triangular").weakened(0)
    assert np.allclose(matrices(nothing, 3), [[1, 0, 0], [0, 1, 0]])


def test_an_erased_rectangle_keeps_to_its_bound():
    grey = np.full((200, 48, 48), 128, np.uint8)
    nothing = Augment(flip=0).weakened(0)
    largest = {}
    for share in (1 / 3, 0.8):
        out = replace(nothing, erase=1.0, erase_side=share)(grey, 48, np.random.default_rng(2))
        changed = out != 128
        largest[share] = changed.sum(axis=(1, 2)).max()
        assert changed.any(axis=1).sum(axis=1).max() <= 48 * share
        assert changed.any(axis=2).sum(axis=1).max() <= 48 * share
    assert largest[0.8] > 2 * largest[1 / 3]


def test_the_default_bound_of_a_rectangle_is_a_third_of_any_side():
    for side in range(32, 513):
        assert int(side * Augment().erase_side) == side // 3


def test_one_bound_of_the_size_holds_both_ways(drawn_zip):
    images = load_faces(drawn_zip).images
    both = Augment()(images, 48, np.random.default_rng(7))
    assert np.array_equal(both, Augment(larger=0.10)(images, 48, np.random.default_rng(7)))
