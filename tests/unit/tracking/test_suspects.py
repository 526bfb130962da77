from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.tracking.suspects import FORGET_S, Suspects

SQUARES = st.builds(lambda x, y, side: Box(x, y, side, side), *[st.floats(-200, 800)] * 2, st.floats(1, 400))
THING = Box(200, 160, 96, 96)


@pytest.fixture(scope="session")
def thing(room, put):
    """A room with something in it that may be a face."""
    return put(room, THING, seed=5)


def shifted(gray, x, y):
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return cv2.warpAffine(gray, move, gray.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def noisy(gray, seed):
    noise = np.random.default_rng(seed).normal(0, 3, gray.shape)
    return np.clip(np.rint(gray + noise), 0, 255).astype(np.uint8)


@settings(max_examples=8)
@given(st.floats(0.8, 1.0), st.floats(-2, 2), st.floats(-2, 2))
def test_what_stays_still_is_never_a_face(thing, gain, x, y):
    suspects = Suspects()
    for step in range(8):
        lit = noisy(thing * (gain if step % 2 else 1.0), step)
        # The detector's boxes tremble; the thing does not.
        box = THING.moved(x * (step % 3), y * (step % 2))
        assert not suspects.moves(lit, box, 0.4 * step)


def test_what_moves_is_a_face_at_the_second_time(thing):
    suspects = Suspects()
    assert not suspects.moves(thing, THING, 0.0)
    assert suspects.moves(shifted(thing, 5, 3), THING.moved(5, 3), 0.4)
    assert len(suspects._suspects) == 0


def test_slow_movements_add_up(thing):
    suspects = Suspects()
    moved = [suspects.moves(shifted(thing, 1.2 * step, 0), THING.moved(1.2 * step, 0), 0.4 * step) for step in range(9)]
    assert not moved[1]
    assert any(moved)


def test_what_something_else_passes_before_has_not_moved(thing, put):
    suspects = Suspects()
    assert not suspects.moves(thing, THING, 0.0)
    for step, corner in enumerate([(0, 0), (56, 0), (0, 56), (56, 56)]):
        passing = put(thing, Box(THING.x + corner[0], THING.y + corner[1], 40, 40), seed=8)
        assert not suspects.moves(passing, THING, 0.4 * (step + 1))


def test_after_a_cut_something_else_is_at_its_place(thing, room, put):
    suspects = Suspects()
    assert not suspects.moves(thing, THING, 0.0)
    assert not suspects.moves(put(room, THING, seed=6), THING, 0.4)
    assert len(suspects._suspects) == 1


def test_elsewhere_is_another_one(thing, put):
    suspects = Suspects()
    other = Box(400, 200, 96, 96)
    both = put(thing, other, seed=6)
    assert not suspects.moves(both, THING, 0.0)
    assert not suspects.moves(both, other, 0.4)
    assert len(suspects._suspects) == 2
    assert suspects.moves(shifted(both, 5, 3), other.moved(5, 3), 0.8)
    assert len(suspects._suspects) == 1


def test_it_is_forgotten_after_a_while_and_where_time_starts_again(thing):
    for again_s in (FORGET_S + 0.1, -1.0):
        suspects = Suspects()
        suspects.moves(thing, THING, 0.0)
        assert not suspects.moves(shifted(thing, 5, 3), THING.moved(5, 3), again_s)
        assert len(suspects._suspects) == 1
    suspects.reset()
    assert len(suspects._suspects) == 0


def test_frames_that_change_their_size_are_no_movement(thing, room):
    suspects = Suspects()
    edge = Box(560, 160, 96, 96)
    suspects.moves(thing, edge, 0.0)
    assert not suspects.moves(np.ascontiguousarray(thing[:, :600]), edge, 0.4)
    assert len(suspects._suspects) == 1


@given(st.lists(st.tuples(SQUARES, st.floats(0, 3)), max_size=8))
@settings(max_examples=30)
def test_any_boxes_are_safe(thing, finds):
    suspects = Suspects()
    time_s = 0.0
    for box, pause_s in finds:
        time_s += pause_s
        assert not suspects.moves(thing, box, time_s) or len(suspects._suspects) < len(finds)
        assert len(suspects._suspects) <= len(finds)
