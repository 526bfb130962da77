from __future__ import annotations

import numpy as np
import pytest

from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face
from edge_fer_train.augmentation import umer

FACE = draw_face(EXPRESSIONS["surprise"])


def all_of(face):
    return np.stack([change(face) for change in umer.UMER_AUGMENTATIONS.values()])


def test_there_are_eighteen_and_no_two_are_alike():
    """Umer et al., CMES 2022, Algorithm 1: the face and seventeen changes."""
    made = all_of(FACE)
    assert made.shape == (18, *FACE.shape)
    assert made.dtype == np.uint8
    assert np.array_equal(made[0], FACE)
    assert len({image.tobytes() for image in made}) == 18


def test_there_are_nine_sharpening_masks_that_keep_even_grey():
    assert len(umer.MASKS) == 9
    even = np.full((20, 20), 77, np.uint8)
    for number in range(1, 10):
        assert np.array_equal(umer.UMER_AUGMENTATIONS[f"sharpen-{number}"](even), even)


@pytest.mark.parametrize("name", [f"sharpen-{n}" for n in range(1, 10)] + ["unsharp"])
def test_sharpening_sharpens(name):
    changed = umer.UMER_AUGMENTATIONS[name](FACE).astype(float)
    assert np.abs(np.diff(changed, axis=1)).mean() > np.abs(np.diff(FACE.astype(float), axis=1)).mean()


def test_flipping_twice_gives_the_face_back():
    flip = umer.UMER_AUGMENTATIONS["flip"]
    assert np.array_equal(flip(flip(FACE)), FACE)


def test_a_random_change_is_any_of_them():
    rng = np.random.default_rng(0)
    drawn = {umer.random_change(FACE, rng).tobytes() for _ in range(400)}
    assert drawn == {image.tobytes() for image in all_of(FACE)}
