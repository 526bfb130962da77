from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.patches import Patch
from edge_fer.sources.synthetic import SyntheticCamera

BOXES = st.from_type(Box)
FRAME = SyntheticCamera(seed=3).frame(300)  # well inside the frame
FACE = FRAME.truth[0].box


def moved(x: float, y: float) -> np.ndarray:
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return cv2.warpAffine(FRAME.image, shift, FRAME.image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_a_face_that_moved_is_found_to_a_fiftieth_of_its_width(right, down):
    patch = Patch.of(FRAME.image, FACE)
    x, y = right * FACE.width, down * FACE.height
    found = patch.find(moved(x, y), FACE)
    assert found is not None
    assert found[:2] == pytest.approx((FACE.x + x, FACE.y + y), abs=0.02 * FACE.width)
    assert found[2:] == FACE[2:]


def test_neither_a_face_that_is_gone_nor_one_out_of_reach_is_found():
    patch = Patch.of(FRAME.image, FACE)
    noise = np.random.default_rng(0).integers(0, 256, FRAME.image.shape, np.uint8)
    assert patch.find(noise, FACE) is None
    assert patch.find(np.zeros_like(FRAME.image), FACE) is None
    assert patch.find(moved(0.6 * FACE.width, 0), FACE) is None


def test_an_even_surface_gives_no_patch():
    assert Patch.of(np.full((480, 640), 120, np.uint8), FACE) is None


@given(BOXES, BOXES)
def test_any_box_is_safe(at_first, last):
    patch = Patch.of(FRAME.image, at_first)
    if patch is not None:
        found = patch.find(FRAME.image, last)
        assert found is None or all(map(np.isfinite, found))
