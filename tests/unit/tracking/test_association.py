from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.detectors import Face
from edge_fer.tracking.association import CLOSE, MOMENT_S, closeness, distance, same, whose
from edge_fer.tracking.looks import Looks
from edge_fer.tracking.track import Track

BOXES = st.from_type(Box)
SQUARES = st.builds(lambda x, y, side: Box(x, y, side, side), *[st.floats(-200, 800)] * 2, st.floats(1, 400))
FACE = Box(200, 160, 96, 96)
AROUND = Box(170, 130, 156, 156)


def lost(number: int, box: Box, seen_s: float = 0.0, looks: Looks = Looks()) -> Track:  # noqa: B008  (frozen)
    return Track(number, Face(box, 0.9), seen_s, reported=True, looks=looks)


@given(BOXES, BOXES)
def test_distance_and_sameness_are_mutual(a, b):
    assert distance(a, b) == pytest.approx(distance(b, a))
    assert distance(a, b) >= 0
    assert same(a, b) == same(b, a)
    assert same(a, a)
    assert distance(a, a) == pytest.approx(0, abs=1e-9)


@given(BOXES, BOXES)
def test_closeness_is_a_share_and_mutual(a, b):
    assert 0 <= closeness(a, b) <= 1
    assert closeness(a, b) == pytest.approx(closeness(b, a))
    assert closeness(a, a) == pytest.approx(1)
    if distance(a, b) >= 1 or max(a.width, b.width) >= 2.000001 * min(a.width, b.width):
        assert closeness(a, b) == 0


@given(BOXES, st.floats(0, 400), st.floats(0, 400))
def test_further_away_is_less_close(box, near, far):
    near, far = sorted((near, far))
    assert closeness(box, box.moved(near, 0)) >= closeness(box, box.moved(far, 0))


@given(BOXES, BOXES, st.floats(-100, 100), st.floats(-100, 100), st.floats(0.5, 4))
def test_the_frames_origin_and_size_do_not_matter(a, b, x, y, factor):
    other_a, other_b = (box.moved(x, y).times(factor) for box in (a, b))
    assert distance(other_a, other_b) == pytest.approx(distance(a, b), abs=1e-6)
    assert closeness(other_a, other_b) == pytest.approx(closeness(a, b), abs=1e-6)


def test_without_looks_the_nearest_lost_face_goes_on_for_a_moment(room):
    near, far = lost(1, FACE.moved(50, 0)), lost(2, FACE.moved(20, 0))
    assert whose(room, Face(FACE, 0.9), 0.2, [near, far]) is far
    assert whose(room, Face(FACE, 0.9), MOMENT_S + 0.1, [near, far]) is None
    assert whose(room, Face(FACE, 0.9), 0.2, []) is None


def test_looks_tell_who_of_two_neighbours_it_is(room, put):
    mine, other = put(room, AROUND, seed=5), put(room, AROUND, seed=6)
    nearer = lost(1, FACE, looks=Looks().having_seen(other, FACE))
    alike = lost(2, FACE.moved(40, 0), looks=Looks().having_seen(mine, FACE))
    assert whose(mine, Face(FACE, 0.9), 0.2, [nearer, alike]) is alike


def test_after_a_while_only_somebody_alike_within_reach_is_the_same(room, put):
    mine, other = put(room, AROUND, seed=5), put(room, AROUND, seed=6)
    looks = Looks().having_seen(mine, FACE)
    assert whose(mine, Face(FACE, 0.9), 2.0, [lost(1, FACE.moved(150, 0), looks=looks)]) is not None
    assert whose(mine, Face(FACE, 0.9), 2.0, [lost(1, FACE.moved(600, 0), looks=looks)]) is None
    assert whose(mine, Face(FACE, 0.9), 2.0, [lost(1, FACE.grown(0.6), looks=looks)]) is None
    assert whose(other, Face(FACE, 0.9), 2.0, [lost(1, FACE, looks=looks)]) is None


def test_what_may_be_no_face_must_be_close(room, put):
    mine = put(room, AROUND, seed=5)
    track = lost(1, FACE.moved(90, 0), looks=Looks().having_seen(mine, FACE))
    assert closeness(track.box, FACE) < CLOSE
    assert whose(mine, Face(FACE, 0.9), 0.2, [track]) is track
    assert whose(mine, Face(FACE, 0.3), 0.2, [track]) is None


@given(SQUARES, st.lists(st.tuples(SQUARES, st.floats(0, 5)), max_size=4), st.floats(0, 1))
def test_any_face_continues_one_of_the_lost_or_none(room, box, others, confidence):
    tracks = [lost(n, other, seen_s, Looks().having_seen(room, other)) for n, (other, seen_s) in enumerate(others)]
    claimed = whose(room, Face(box, confidence), 5.0, tracks)
    assert claimed is None or claimed in tracks
