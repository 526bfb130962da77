from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.tracking.looks import MOST, NEW_LOOK, Looks

FACE = Box(200, 160, 96, 96)
SQUARES = st.builds(lambda x, y, side: Box(x, y, side, side), *[st.floats(-200, 800)] * 2, st.floats(1, 400))
SURROUNDED = Box(170, 130, 156, 156)


def test_without_a_look_nothing_is_alike(room):
    assert Looks().likeness(room, FACE) == 0


def test_a_person_is_like_it_was_and_not_like_another(room, put):
    mine, other = put(room, SURROUNDED, seed=5), put(room, SURROUNDED, seed=6)
    looks = Looks().having_seen(mine, FACE)
    assert looks.likeness(mine, FACE) > 0.99
    assert looks.likeness(other, FACE) < 0.6


def test_the_same_look_is_kept_once_and_the_newest_are_kept(room, put):
    frames = [put(room, SURROUNDED, seed=seed) for seed in range(5, 5 + MOST + 3)]
    looks = Looks()
    for frame in frames:
        looks = looks.having_seen(frame, FACE)
        assert looks.having_seen(frame, FACE) is looks
    assert len(looks.patches) == MOST
    assert min(looks.likeness(frame, FACE) for frame in frames[-MOST:]) > NEW_LOOK
    assert max(looks.likeness(frame, FACE) for frame in frames[:-MOST]) < NEW_LOOK


def test_an_even_place_adds_nothing():
    assert Looks().having_seen(np.full((480, 640), 90, np.uint8), FACE) == Looks()


@given(SQUARES, SQUARES)
@settings(max_examples=40)
def test_likeness_is_a_correlation_for_any_boxes(room, seen, box):
    assert -1.0001 <= Looks().having_seen(room, seen).likeness(room, box) <= 1.0001
