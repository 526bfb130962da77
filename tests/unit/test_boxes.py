from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.boxes import Box

BOXES = st.from_type(Box)


@given(BOXES, BOXES)
def test_iou_is_symmetric_and_bounded(a, b):
    assert 0 <= a.iou(b) <= 1 + 1e-9
    assert a.iou(b) == pytest.approx(b.iou(a))
    assert a.iou(a) == pytest.approx(1)


@given(BOXES, BOXES)
def test_a_box_moves_from_itself_to_the_other(a, b):
    assert a.toward(b, 0) == a
    assert a.toward(b, 1) == pytest.approx(b)


@given(BOXES)
def test_the_pixels_of_a_box_are_those_it_touches(box):
    left, top, right, bottom = box.pixels((480, 640))
    touched = np.zeros((480, 640), bool)
    touched[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    rows, columns = np.arange(480), np.arange(640)
    by_row = (rows + 1 > box.y) & (rows < box.y + box.height)
    by_column = (columns + 1 > box.x) & (columns < box.x + box.width)
    assert np.array_equal(touched, by_row[:, None] & by_column)


def test_a_box_grows_around_its_middle():
    assert Box(10, 20, 40, 60).grown(0.25) == Box(0, 5, 60, 90)
