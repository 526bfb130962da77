from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.emotions import FER2013, UNKNOWN
from edge_fer.records import FaceRecord, Record
from edge_fer.sinks.drawing import COLOURS, INK, LEAST_SIDE_PX, PAPER, annotate
from edge_fer.sources import Frame

GROUND = 90


def frame(width: int, height: int) -> Frame:
    return Frame(np.full((height, width, 3), GROUND, np.uint8), 0.0, 0, "x")


def record(box: Box, state: str = "happy", labels: tuple[str, ...] = FER2013) -> Record:
    scores = np.full(len(labels), 1 / len(labels), np.float32)
    return Record(0, 0.0, "x", labels, (FaceRecord(7, box, 0.9, scores, scores, state),), {})


def where(picture: np.ndarray, colour: tuple[int, int, int]) -> tuple[slice, slice]:
    """The smallest part of *picture* with all pixels of *colour*."""
    rows, columns = np.nonzero(np.abs(picture.astype(int) - colour).max(axis=2) < 40)
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance of WCAG 2.2."""
    linear = [value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]


@pytest.mark.parametrize("colour", [*COLOURS.values(), PAPER])
def test_letters_stand_out_from_their_ground(colour):
    assert (luminance(colour) + 0.05) / (luminance(INK) + 0.05) >= 7


@pytest.mark.parametrize("background", [0, 255])
def test_the_words_have_a_ground_of_their_own_on_any_picture(background):
    drawn = annotate(Frame(np.full((480, 640, 3), background, np.uint8), 0.0, 0, "x"), record(Box(200, 200, 90, 90)))
    above = drawn[:198]
    rows, columns = where(above, COLOURS["happy"])
    tag = above[rows, columns]
    assert rows.stop - rows.start > 15
    assert (tag == background).all(axis=2).mean() == 0 or background == 0
    assert (tag == COLOURS["happy"]).all(axis=2).mean() > 0.5
    assert (np.abs(tag.astype(int) - INK).max(axis=2) < 40).mean() > 0.03


def test_words_grow_with_the_picture():
    heights = []
    for scale in (1, 2, 4):
        drawn = annotate(frame(960 * scale, 540 * scale), record(Box(*(scale * side for side in (300, 200, 120, 120)))))
        rows, _ = where(drawn[: 200 * scale - 3 * scale], COLOURS["happy"])
        heights.append(rows.stop - rows.start)
    for small, large in pairwise(heights):
        assert large / small == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(
    "box", [Box(0, 0, 60, 60), Box(580, 0, 60, 60), Box(-20, 430, 60, 60), Box(600, 440, 60, 60), Box(0, 0, 640, 480)]
)
def test_at_every_edge_the_words_are_whole(box):
    drawn = annotate(frame(640, 480), record(box))
    middle = annotate(frame(640, 480), record(Box(300, 200, box.width, min(box.height, 60))))
    letters = [(np.abs(picture.astype(int) - PAPER).max(axis=2) < 12).sum() for picture in (drawn, middle)]
    if box.width == 60:
        assert letters[0] == pytest.approx(letters[1], rel=0.1)
    assert letters[0] > 0


def test_the_number_stands_apart_from_the_state():
    drawn = annotate(frame(640, 480), record(Box(200, 200, 120, 120)))
    number_rows, number_columns = where(drawn, PAPER)
    assert number_rows.start > 200
    assert number_columns.stop < 322
    assert number_columns.start > 200 + 60


def test_a_cropped_face_is_enlarged_until_words_fit():
    drawn = annotate(frame(48, 48), record(Box(0, 0, 48, 48)))
    assert drawn.shape == (144, 144, 3)
    assert annotate(frame(LEAST_SIDE_PX, LEAST_SIDE_PX), record(Box(0, 0, 48, 48))).shape[0] == LEAST_SIDE_PX


def test_each_state_has_a_colour_of_its_own():
    boxes = Box(200, 200, 100, 100)
    pictures = {state: annotate(frame(640, 480), record(boxes, state)).tobytes() for state in (*FER2013, UNKNOWN)}
    assert len(set(pictures.values())) == len(pictures)
    assert len({COLOURS[state] for state in (*FER2013, UNKNOWN)}) == len(pictures)
    # Labels in other words have the colour of their meaning, others one by their place.
    for label in ("happiness", "bored", "\u00fcberrascht"):
        annotate(frame(640, 480), record(boxes, label, ("bored", "happiness", "\u00fcberrascht")))
