from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking.patches import Patch

# As detectors put them.
BOXES = st.builds(lambda x, y, side: Box(x, y, side, side), *[st.floats(-200, 800)] * 2, st.floats(1, 400))
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
    assert found.box[:2] == pytest.approx((FACE.x + x, FACE.y + y), abs=0.02 * FACE.width)
    assert found.box[2:] == FACE[2:]


def test_as_it_looks_now_it_is_found_in_the_next_frame():
    patch = Patch.of(FRAME.image, FACE)
    box = FACE
    for step in range(1, 8):
        found = patch.find(moved(8.3 * step, -3.1 * step), box)
        assert found.patch.likeness(patch) > 0.9
        box, patch = found
    assert box[:2] == pytest.approx((FACE.x + 58.1, FACE.y - 21.7), abs=0.04 * FACE.width)


def test_likeness_is_one_with_itself_whatever_the_light_and_low_with_something_else():
    patch = Patch.of(FRAME.image, FACE)
    darker = Patch.of((FRAME.image * 0.6).astype(np.uint8), FACE)
    elsewhere = Patch.of(FRAME.image, FACE.moved(FACE.width, FACE.height))
    assert patch.likeness(patch) == pytest.approx(1)
    assert patch.likeness(darker) > 0.98
    assert elsewhere is None or patch.likeness(elsewhere) < 0.6


def test_neither_a_face_that_is_gone_nor_one_out_of_reach_is_found():
    patch = Patch.of(FRAME.image, FACE)
    noise = np.random.default_rng(0).integers(0, 256, FRAME.image.shape, np.uint8)
    assert patch.find(noise, FACE) is None
    assert patch.find(np.zeros_like(FRAME.image), FACE) is None
    assert patch.find(moved(0.6 * FACE.width, 0), FACE) is None


def test_an_even_surface_gives_no_patch():
    assert Patch.of(np.full((480, 640), 120, np.uint8), FACE) is None


@pytest.mark.parametrize("outside", [Box(-60, 50, 40, 40), Box(50, -60, 40, 40), Box(700, 50, 40, 40)])
def test_outside_the_frame_nothing_is_seen(outside):
    assert Patch.of(FRAME.image, outside) is None
    assert Patch.of(FRAME.image, FACE).find(FRAME.image, outside.moved(-100, -100)) is None


@given(BOXES, BOXES)
def test_any_box_is_safe(at_first, last):
    patch = Patch.of(FRAME.image, at_first)
    if patch is not None:
        found = patch.find(FRAME.image, last)
        assert found is None or np.isfinite(found.box).all()
