from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.errors import BadInput
from edge_fer.faces import Face, HaarDetector
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker, Tracking

BOXES = st.from_type(Box)
EMPTY = np.full((480, 640), 120, np.uint8)


class Scripted:
    """A detector that sees faces where it is told to."""

    def __init__(self):
        self.everywhere: list[Box] = []
        self.nearby: list[Box] | None = None

    def search(self, gray, reduced=1):
        return [Face(box, 0.9) for box in self.everywhere]

    def follow(self, gray, last):
        found = self.everywhere if self.nearby is None else self.nearby
        near = [box for box in found if box.iou(last) > 0.2]
        return Face(near[0], 0.9) if near else None


@pytest.mark.parametrize(
    "values", [{"search_every_s": -1.0}, {"forget_after_s": math.inf}, {"settle": 0.0}, {"confirm_every_s": -0.1}]
)
def test_tracking_parameters_out_of_range_are_refused(values):
    with pytest.raises(BadInput):
        Tracking(**values)


def test_a_followed_face_costs_one_full_search_a_second():
    camera = SyntheticCamera(frames=90, seed=2)
    tracker = FaceTracker(HaarDetector())
    ids = {track.id for frame in camera.frames() for track in tracker.update(frame.image, frame.time_s)}
    assert ids == {1}
    assert tracker.searches <= 5


def test_a_hidden_face_is_forgotten_and_found_again_as_another():
    camera = SyntheticCamera(frames=120, seed=2, hidden_s=[(1.0, 2.0)])
    tracker = FaceTracker(HaarDetector())
    seen = {frame.time_s: tracker.update(frame.image, frame.time_s) for frame in camera.frames()}
    assert not any(tracks for time_s, tracks in seen.items() if 1.0 <= time_s < 2.0)
    first_again = min(time_s for time_s, tracks in seen.items() if time_s >= 2.0 and tracks)
    assert first_again - 2.0 <= 0.2
    assert seen[0.5][0].id != seen[max(seen)][0].id


def test_each_face_keeps_its_own_track():
    detector = Scripted()
    tracker = FaceTracker(detector)
    for step in range(30):
        left, right = Box(100 + step, 100, 80, 80), Box(400 - step, 200, 80, 80)
        detector.everywhere = [right, left] if step % 2 else [left, right]
        tracks = tracker.update(EMPTY, step / 30)
        assert [track.id for track in tracks] == [1, 2]
        assert tracks[0].box.iou(left) > 0.7


def test_a_face_that_jumps_within_reach_keeps_its_track():
    detector = Scripted()
    tracker = FaceTracker(detector)
    detector.everywhere = [Box(100, 100, 80, 80)]
    tracker.update(EMPTY, 0.0)
    detector.everywhere, detector.nearby = [Box(160, 100, 80, 80)], []
    assert [track.id for track in tracker.update(EMPTY, 0.2)] == [1]
    detector.everywhere = [Box(500, 300, 80, 80)]
    assert [track.id for track in tracker.update(EMPTY, 0.4)] == [2]


def test_two_tracks_on_one_face_become_the_older():
    detector = Scripted()
    tracker = FaceTracker(detector)
    detector.everywhere = [Box(100, 100, 80, 80), Box(300, 100, 80, 80)]
    tracker.update(EMPTY, 0.0)
    detector.everywhere = []
    detector.nearby = [Box(100, 100, 80, 80)]
    detector.follow = lambda gray, last: Face(Box(100, 100, 80, 80), 0.9)  # type: ignore[method-assign]
    for step in range(1, 6):
        tracks = tracker.update(EMPTY, step / 30)
    assert [track.id for track in tracks] == [1]


def test_a_source_whose_time_starts_again_is_searched_at_once():
    detector = Scripted()
    tracker = FaceTracker(detector)
    tracker.update(EMPTY, 1000.0)
    detector.everywhere = [Box(100, 100, 80, 80)]
    assert len(tracker.update(EMPTY, 0.0)) == 1


@given(st.lists(st.tuples(st.lists(BOXES, max_size=5), st.floats(0, 1), st.booleans()), max_size=12))
def test_tracks_are_distinct_and_seen_now_whatever_the_detector_returns(script):
    detector = Scripted()
    tracker = FaceTracker(detector)
    time_s, ended = 0.0, set()
    for boxes, pause_s, blind in script:
        time_s += pause_s
        detector.everywhere = boxes
        detector.nearby = [] if blind else None
        before = tracker.known()
        tracks = tracker.update(EMPTY, time_s)
        ids = [track.id for track in tracks]
        assert len(set(ids)) == len(ids)
        assert all(track.seen_s == time_s for track in tracks)
        assert not ended & set(ids)
        ended |= before - tracker.known()


@pytest.mark.parametrize("at_first", [False, True])
def test_beside_a_face_one_that_only_full_searches_see_is_not_reported(at_first):
    detector = Scripted()
    tracker = FaceTracker(detector)
    face, phantom = Box(100, 100, 80, 80), Box(400, 300, 90, 90)
    detector.everywhere = [face, phantom] if at_first else [face]
    tracker.update(EMPTY, 0.0)
    detector.everywhere, detector.nearby = [face, phantom], [face]
    seen = [[track.id for track in tracker.update(EMPTY, step / 30)] for step in range(1, 91)]
    assert seen == [[1]] * 90
    assert tracker.searches <= 4


def test_a_further_face_is_reported_from_its_second_frame_on():
    detector = Scripted()
    tracker = FaceTracker(detector)
    face, further = Box(100, 100, 80, 80), Box(400, 300, 90, 90)
    detector.everywhere = [face]
    tracker.update(EMPTY, 0.0)
    detector.everywhere = [face, further]
    assert [track.id for track in tracker.update(EMPTY, 1.0)] == [1]
    assert [track.id for track in tracker.update(EMPTY, 1.1)] == [1, 2]


def test_a_face_that_is_lost_beside_another_is_searched_for():
    detector = Scripted()
    tracker = FaceTracker(detector)
    left, right = Box(100, 100, 80, 80), Box(400, 300, 90, 90)
    detector.everywhere = [left, right]
    tracker.update(EMPTY, 0.0)
    tracker.update(EMPTY, 0.1)
    detector.everywhere, detector.nearby = [left, Box(450, 300, 90, 90)], [left]
    assert [track.id for track in tracker.update(EMPTY, 0.2)] == [1, 2]


class Counting(HaarDetector):
    """Knows how often it was asked to look around a face."""

    followed = 0

    def follow(self, gray, last):
        self.followed += 1
        return super().follow(gray, last)


def test_a_face_is_confirmed_a_few_times_a_second_and_stays_where_it_is():
    camera = SyntheticCamera(frames=90, seed=2)
    often, seldom = Counting(), Counting()
    trackers = FaceTracker(often, Tracking(confirm_every_s=0)), FaceTracker(seldom)
    for frame in camera.frames():
        every, some = (tracker.update(frame.image, frame.time_s) for tracker in trackers)
        assert [track.id for track in some] == [1]
        assert all(track.id == 1 and track.box.iou(some[0].box) > 0.7 for track in every)
    assert often.followed == 89
    assert seldom.followed < 20


def test_a_place_that_looks_different_is_shown_to_the_detector_at_once():
    frame = SyntheticCamera(seed=2).frame(0)
    detector = Counting()
    tracker = FaceTracker(detector)
    for step in range(3):
        tracker.update(frame.image, step / 30)
    assert detector.followed == 1
    noise = np.random.default_rng(0).integers(0, 256, frame.image.shape, np.uint8)
    assert tracker.update(noise, 0.1) == []
    assert detector.followed == 2


def test_a_full_search_skips_known_faces_and_finds_others():
    camera = SyntheticCamera(faces=2, width_px=800, seed=4)
    left, right = (truth.box for truth in sorted(camera.frame(0).truth, key=lambda truth: truth.box.x))
    alone = camera.frame(0).image.copy()
    x0, x1 = int(right.x - 0.2 * right.width), int(right.x + 1.2 * right.width)
    alone[:, x0:x1] = alone[:, x0:x1].mean()
    tracker = FaceTracker(HaarDetector())
    searched = []
    tracker.detector.search = lambda gray, reduced: searched.append(gray) or HaarDetector.search(tracker.detector, gray)
    for step in range(4):
        assert len(tracker.update(alone, step / 30)) == 1
    frame = camera.frame(0).image
    before = frame.copy()
    tracker.update(frame, 1.0)
    assert np.array_equal(frame, before)
    middle = round(left.y + left.height / 2), round(left.x + left.width / 2)
    assert np.ptp(searched[-1][middle[0] - 5 : middle[0] + 5, middle[1] - 5 : middle[1] + 5]) == 0
    tracks = tracker.update(frame, 1.03)
    assert [max(track.box.iou(box) for track in tracks) > 0.6 for box in (left, right)] == [True, True]


def test_a_patch_from_a_later_time_is_not_used():
    frame = SyntheticCamera(seed=2).frame(0)
    detector = Counting()
    tracker = FaceTracker(detector)
    for time_s in (10.0, 10.1, 9.9):
        assert len(tracker.update(frame.image, time_s)) == 1
    assert detector.followed == 2
