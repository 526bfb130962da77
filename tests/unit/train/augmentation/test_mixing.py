from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer_train.augmentation import mixing

WAYS = (mixing.mixup, mixing.cutmix)


def batch(count: int, side: int = 24):
    """Faces of one grey level each, so that a pixel shows which face it is from."""
    levels = np.linspace(0, 255, count).astype(np.uint8)
    return np.repeat(levels, side * side).reshape(count, side, side), np.eye(count, dtype=np.float32)


@pytest.mark.parametrize("way", WAYS)
@given(alpha=st.floats(0.05, 4), seed=st.integers(0, 10_000), count=st.integers(1, 9))
def test_soft_labels_still_sum_to_one_and_say_what_the_pixels_hold(way, alpha, seed, count):
    crops, labels = batch(count)
    kept = crops.copy()
    mixed, soft_labels = way(crops, labels, alpha, np.random.default_rng(seed))
    assert np.array_equal(crops, kept)
    assert mixed.shape == crops.shape
    assert mixed.dtype == np.uint8
    assert np.allclose(soft_labels.sum(axis=1), 1, atol=1e-5)
    levels = np.linspace(0, 255, count).astype(np.uint8)
    assert np.allclose(mixed.mean(axis=(1, 2)), soft_labels @ levels, atol=0.51)


@pytest.mark.parametrize("way", WAYS)
def test_mixing_is_seeded(way):
    crops, labels = batch(6)
    one, again = (way(crops, labels, 1.0, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))


def test_mixup_keeps_the_larger_part_in_its_place():
    crops, labels = batch(5)
    for seed in range(20):
        soft_labels = mixing.mixup(crops, labels, 0.4, np.random.default_rng(seed))[1]
        assert (soft_labels.diagonal() >= 0.5).all()
