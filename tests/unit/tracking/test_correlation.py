"""How much a patch looks like a place: the same number on every CPU, or tracks would differ between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking.patches import _correlation

FRAME = SyntheticCamera(seed=3).frame(300)
FACE = FRAME.truth[0].box


def test_the_correlation_is_exact_so_that_every_cpu_gives_the_same():
    # OpenCV's own is off by 0.001, on each CPU by something else.
    left, top, right, bottom = FACE.pixels(FRAME.image.shape)
    pixels = cv2.resize(FRAME.image[top:bottom, left:right], (36, 36))
    patch = pixels[5:29, 7:31]
    windows = np.lib.stride_tricks.sliding_window_view(pixels, patch.shape).astype(np.float64)
    centred = windows - windows.mean(axis=(2, 3), keepdims=True)
    looked_for = patch - patch.mean()
    norms = np.sqrt((centred**2).sum(axis=(2, 3)) * (looked_for**2).sum())
    expected = (centred * looked_for).sum(axis=(2, 3)) / norms
    assert _correlation(pixels, patch) == pytest.approx(expected, abs=1e-12)
    assert _correlation(pixels, patch)[5, 7] == 1.0


def test_an_even_region_correlates_with_nothing():
    pixels = np.full((30, 30), 200, np.uint8)
    patch = np.random.default_rng(0).integers(0, 256, (24, 24), np.uint8)
    assert not _correlation(pixels, patch).any()
    assert not _correlation(patch, pixels[:24, :24]).any()
