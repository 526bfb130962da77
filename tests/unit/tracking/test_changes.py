from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.tracking.changes import CALM_S, HEAD, Changes

FACE = Box(200, 160, 96, 96)
WHOLE = Box(0, 0, 640, 480)
SMALLEST_PX = 24


@pytest.fixture
def changes(room):
    """Changes of the room, which was searched at 0 s."""
    changes = Changes(0.1, 1.0)
    changes.searched(room, 0.0)
    return changes


def noisy(gray, seed, deviation=6.0):
    noise = np.random.default_rng(seed).normal(0, deviation, gray.shape)
    return np.clip(np.rint(gray + noise), 0, 255).astype(np.uint8)


def covers(outer: Box, inner: Box) -> bool:
    x_fits = outer.x <= inner.x and inner.x + inner.width <= outer.x + outer.width
    return x_fits and outer.y <= inner.y and inner.y + inner.height <= outer.y + outer.height


def test_the_first_frame_is_searched_in_all():
    assert Changes(0.1, 1.0).regions(np.zeros((480, 640), np.uint8), 0.0, [], SMALLEST_PX) == [WHOLE]


def test_noise_asks_for_nothing(changes, room):
    for step in range(1, 20):
        assert changes.regions(noisy(room, step), step / 10, [], SMALLEST_PX) == []


@settings(max_examples=30)
@given(st.floats(0.8, 1.2))
def test_light_that_changes_asks_for_nothing(room, gain):
    changes = Changes(0.1, 1.0)
    changes.searched(room, 0.0)
    lit = np.clip(np.rint(room * gain), 0, 255).astype(np.uint8)
    assert changes.regions(noisy(lit, 1, 2.0), 1.0, [], SMALLEST_PX) == []


@settings(max_examples=30)
@given(st.floats(0, 0.08), st.floats(0, 2 * np.pi), st.floats(240, 2000))
def test_flicker_in_bands_asks_for_nothing(room, depth, phase, rows):
    changes = Changes(0.1, 1.0)
    changes.searched(room, 0.0)
    gains = 1 + depth * np.sin(2 * np.pi * np.arange(480) / rows + phase)
    lit = np.clip(np.rint(room * gains[:, None]), 0, 255).astype(np.uint8)
    assert changes.regions(noisy(lit, 1, 2.0), 1.0, [], SMALLEST_PX) == []


@settings(max_examples=30)
@given(st.integers(0, 639 - 96), st.integers(0, 479 - 96), st.integers(48, 96))
def test_where_a_face_appears_is_searched_once(room, put, x, y, side):
    changes = Changes(0.1, 1.0)
    changes.searched(room, 0.0)
    face = Box(x, y, side, side)
    frame = put(room, face, seed=5)
    regions = changes.regions(frame, 0.5, [], SMALLEST_PX)
    assert len(regions) == 1
    middle = face.grown(-0.2)
    assert covers(regions[0], middle)
    assert regions[0].width * regions[0].height < 0.5 * WHOLE.width * WHOLE.height
    assert changes.regions(frame, 1.0, [], SMALLEST_PX) == []


def test_what_is_smaller_than_a_face_asks_for_nothing(changes, room, put):
    dot = put(room, Box(200, 160, 8, 8), seed=5)
    assert changes.regions(dot, 0.5, [], 48) == []


def test_two_faces_ask_for_two_regions_and_a_large_change_for_all(changes, room, put):
    two = put(put(room, FACE, seed=5), Box(480, 40, 80, 80), seed=6)
    assert len(changes.regions(two, 0.5, [], SMALLEST_PX)) == 2
    assert changes.regions(put(room, Box(0, 0, 640, 640), seed=7), 1.0, [], SMALLEST_PX) == [WHOLE]


def test_what_changes_around_a_known_face_asks_for_nothing(changes, room, put):
    head = FACE.grown(HEAD / 2)
    frame = put(room, Box(*map(round, head)), seed=5)
    assert changes.regions(frame, 0.5, [FACE], SMALLEST_PX) == []
    assert changes.regions(frame, 0.6, [], SMALLEST_PX) != []


@given(st.lists(st.from_type(Box), max_size=3))
@settings(max_examples=30)
def test_any_known_boxes_are_safe_and_regions_lie_in_the_frame(room, put, known):
    changes = Changes(0.1, 1.0)
    changes.searched(room, 0.0)
    for region in changes.regions(put(room, FACE, seed=5), 0.5, known, SMALLEST_PX):
        assert covers(WHOLE, region)


def test_a_place_that_always_changes_is_searched_after_growing_pauses(changes, room, put):
    searched = [0.0]
    for step in range(1, 150):
        regions = changes.regions(put(room, FACE, seed=step), step / 20, [], SMALLEST_PX)
        if any(covers(region, FACE.grown(-0.4)) for region in regions):
            searched.append(step / 20)
    pauses = np.diff(searched)
    assert pauses[0] <= 0.15
    assert (np.diff(pauses) >= -0.101).all()
    assert 0.9 <= pauses[-1] <= 2.1
    assert len(searched) <= 12


def test_other_places_do_not_wait_for_one_that_always_changes(changes, room, put):
    for step in range(1, 100):
        changes.regions(put(room, FACE, seed=step), step / 20, [], SMALLEST_PX)
    other = Box(480, 320, 80, 80)
    regions = changes.regions(put(put(room, FACE, seed=99), other, seed=3), 5.0, [], SMALLEST_PX)
    assert any(covers(region, other.grown(-0.2)) for region in regions)


def test_after_a_while_of_calm_a_place_is_searched_at_once_again(changes, room, put):
    step = 0
    for step in range(1, 100):
        changes.regions(put(room, FACE, seed=step), step / 20, [], SMALLEST_PX)
    time_s = step / 20 + CALM_S + 1.1
    found = [bool(changes.regions(put(room, FACE, seed=200 + n), time_s + n / 8, [], SMALLEST_PX)) for n in range(3)]
    assert found[:2] == [True, True]


def test_frames_that_change_their_size_are_searched_in_all(changes, room):
    smaller = room[:240, :320].copy()
    assert changes.regions(smaller, 0.5, [], SMALLEST_PX) == [Box(0, 0, 320, 240)]
    assert changes.regions(smaller, 1.0, [], SMALLEST_PX) == []
    changes.searched(room, 1.5)
    assert changes.regions(room, 2.0, [], SMALLEST_PX) == []


def test_after_a_reset_everything_is_new(changes, room):
    changes.reset()
    assert changes.regions(room, 0.5, [], SMALLEST_PX) == [WHOLE]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (30, 20), (4320, 7680)])
def test_frames_of_any_size_pass(shape):
    changes = Changes(0.1, 1.0)
    dark, bright = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    bright[: shape[0] // 2 + 1] = 255
    assert changes.regions(dark, 0.0, [], SMALLEST_PX) == [Box(0, 0, shape[1], shape[0])]
    for region in changes.regions(bright, 1.0, [], SMALLEST_PX):
        assert covers(Box(0, 0, shape[1], shape[0]), region)
