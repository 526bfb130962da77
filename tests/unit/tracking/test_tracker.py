from __future__ import annotations

import math
import threading
import time
import weakref

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.boxes import Box
from edge_fer.detectors import SURE, Face
from edge_fer.detectors.haar import HaarDetector
from edge_fer.errors import BadInput
from edge_fer.records import Seen
from edge_fer.sources.synthetic import SyntheticCamera
from edge_fer.tracking import FaceTracker, Tracking

SQUARES = st.builds(lambda x, y, side: Box(x, y, side, side), *[st.floats(-200, 800)] * 2, st.floats(8, 300))
EMPTY = np.full((480, 640), 120, np.uint8)
LEFT, RIGHT = Box(100, 100, 80, 80), Box(400, 300, 90, 90)


class Scripted:
    """A detector that sees faces where it is told to."""

    name = "scripted"

    def __init__(self, *boxes):
        self.everywhere = list(boxes)
        self.nearby = None
        self.confidence = 0.9
        self.turned = False
        self.tilt_deg = 0.0
        self.searched = []
        self.followed = []

    def search(self, gray, reduced=1, roll_deg=0.0):
        self.searched.append((gray, roll_deg))
        if abs(roll_deg - self.tilt_deg) > 15 or gray.shape != EMPTY.shape:
            return []
        return [Face(box, self.confidence, roll_deg, self.turned) for box in self.everywhere]

    def follow(self, gray, last, roll_deg=0.0):
        self.followed.append((last, roll_deg))
        if abs(roll_deg - self.tilt_deg) > 15:
            return None
        found = self.everywhere if self.nearby is None else self.nearby
        near = [box for box in found if box.iou(last) > 0.2]
        return Face(near[0], self.confidence, roll_deg, self.turned) if near else None


class Counting(HaarDetector):
    """Knows how often it was asked to look around a face."""

    followed = 0

    def follow(self, gray, last, roll_deg=0.0):
        self.followed += 1
        return super().follow(gray, last, roll_deg)


def ids(tracks):
    return [track.id for track in tracks]


@pytest.mark.parametrize(
    "values",
    [
        {"search_every_s": -1.0},
        {"forget_after_s": math.inf},
        {"settle": 0.0},
        {"settle": 1.1},
        {"confirm_every_s": -0.1},
        {"bridge_s": math.nan},
        {"look_every_s": -1.0},
    ],
)
def test_tracking_parameters_out_of_range_are_refused(values):
    with pytest.raises(BadInput):
        Tracking(**values)


# Faces that are seen


def test_a_followed_face_costs_one_full_search_a_second():
    camera = SyntheticCamera(frames=90, seed=2)
    tracker = FaceTracker(HaarDetector())
    found = {track.id for frame in camera.frames() for track in tracker.update(frame.image, frame.time_s)}
    assert found == {1}
    assert tracker.searches <= 4


def test_each_face_keeps_its_own_track():
    detector = Scripted()
    tracker = FaceTracker(detector)
    for step in range(30):
        left, right = LEFT.moved(step, 0), RIGHT.moved(-step, 0)
        detector.everywhere = [right, left] if step % 2 else [left, right]
        tracks = tracker.update(EMPTY, step / 30)
        assert ids(tracks) == [1, 2]
        assert tracks[0].box.iou(left) > 0.7


def test_a_face_is_confirmed_a_few_times_a_second_and_stays_where_it_is():
    camera = SyntheticCamera(frames=60, seed=2)
    often, seldom = Counting(), Counting()
    trackers = FaceTracker(often, Tracking(confirm_every_s=0)), FaceTracker(seldom)
    for frame in camera.frames():
        every, some = (tracker.update(frame.image, frame.time_s) for tracker in trackers)
        assert ids(some) == [1]
        assert all(track.id == 1 and track.box.iou(some[0].box) > 0.7 for track in every)
    assert often.followed == 59
    assert seldom.followed < 14


def test_how_a_face_is_seen_is_what_the_detector_tells():
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    assert tracker.update(EMPTY, 0.0)[0].seen is Seen.FOUND
    detector.turned = True
    assert tracker.update(EMPTY, 0.1)[0].seen is Seen.TURNED
    detector.turned = False
    assert tracker.update(EMPTY, 0.2)[0].seen is Seen.FOUND


def test_a_known_face_is_looked_for_at_other_tilts_and_then_at_its_own():
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    tracker.update(EMPTY, 0.0)
    tracker.update(EMPTY, 0.1)
    detector.tilt_deg = -25.0
    detector.followed.clear()
    (track,) = tracker.update(EMPTY, 0.2)
    assert (track.id, track.face.roll_deg) == (1, -25.0)
    assert [roll_deg for _, roll_deg in detector.followed] == [0.0, 25.0, -25.0]
    detector.followed.clear()
    tracker.update(EMPTY, 0.3)
    assert [roll_deg for _, roll_deg in detector.followed] == [-25.0]


def test_the_frame_is_not_changed_and_known_faces_are_left_out_of_searches(room, put):
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    frame = put(room, LEFT, seed=5)
    before = frame.copy()
    for time_s in (0.0, 0.1, 1.1):
        tracker.update(frame, time_s)
    assert np.array_equal(frame, before)
    searched, _ = detector.searched[-1]
    assert np.ptp(searched[120:160, 120:160]) == 0
    assert np.array_equal(searched[:, 300:], frame[:, 300:])


# Faces that appear


def test_a_further_face_is_reported_from_its_second_frame_on():
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    tracker.update(EMPTY, 0.0)
    detector.everywhere = [LEFT, RIGHT]
    assert ids(tracker.update(EMPTY, 1.0)) == [1]
    assert ids(tracker.update(EMPTY, 1.1)) == [1, 2]


@pytest.mark.parametrize("at_first", [False, True])
def test_beside_a_face_one_that_only_searches_see_is_not_reported(at_first):
    detector = Scripted(LEFT, RIGHT) if at_first else Scripted(LEFT)
    tracker = FaceTracker(detector)
    tracker.update(EMPTY, 0.0)
    detector.everywhere, detector.nearby = [LEFT, RIGHT], [LEFT]
    seen = [ids(tracker.update(EMPTY, step / 30)) for step in range(1, 91)]
    assert seen == [[1]] * 90
    assert tracker.searches <= 4


def test_a_face_that_appears_is_reported_within_a_fifth_of_a_second():
    camera = SyntheticCamera(frames=45, seed=2, hidden_s=[(0.0, 0.75)])
    tracker = FaceTracker(HaarDetector())
    seen = [frame.time_s for frame in camera.frames() if tracker.update(frame.image, frame.time_s)]
    assert 0.75 <= seen[0] <= 0.75 + 0.2


def test_what_may_be_no_face_must_move(room, put):
    detector = Scripted(LEFT)
    detector.confidence = SURE - 0.1
    tracker = FaceTracker(detector)
    thing = put(room, LEFT, seed=5)
    still = [tracker.update(thing, step / 30) for step in range(90)]
    assert not any(still)
    assert tracker.known() == set()
    detector.everywhere = [LEFT.moved(5, 3)]
    moved = put(room, LEFT.moved(5, 3), seed=5)
    assert any(ids(tracker.update(moved, 3 + step / 30)) == [1] for step in range(33))


def test_what_only_a_tilted_search_finds_must_move_however_sure_it_is(room, put):
    detector = Scripted(LEFT)
    detector.tilt_deg = 25.0
    tracker = FaceTracker(detector)
    thing = put(room, LEFT, seed=5)
    still = [tracker.update(thing, step / 30) for step in range(120)]
    assert not any(still)
    begins = len(detector.searched)
    seen = []
    for step in range(90):
        box = LEFT.moved(0.1 * step, 0.05 * step)
        detector.everywhere = [box]
        move = np.array([[1, 0, 0.1 * step], [0, 1, 0.05 * step]], np.float32)
        seen += tracker.update(cv2.warpAffine(thing, move, (640, 480)), 4 + step / 30)
    assert {roll_deg for _, roll_deg in detector.searched[begins:]} >= {0.0, 25.0}
    assert seen
    assert seen[-1].face.roll_deg == 25.0


# Faces that are hidden


def test_a_face_that_was_hidden_for_a_second_keeps_its_track():
    camera = SyntheticCamera(frames=75, seed=2, hidden_s=[(1.0, 2.0)])
    tracker = FaceTracker(HaarDetector())
    seen = {frame.time_s: tracker.update(frame.image, frame.time_s) for frame in camera.frames()}
    assert not any(tracks for time_s, tracks in seen.items() if 1.0 <= time_s < 2.0)
    first_again = min(time_s for time_s, tracks in seen.items() if time_s >= 2.0 and tracks)
    assert first_again - 2.0 <= 0.2
    assert {number for tracks in seen.values() for number in ids(tracks)} == {1}


def test_a_face_is_remembered_for_three_seconds():
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    for step in range(3):
        tracker.update(EMPTY, step / 10)
    detector.everywhere = []
    known = {time_s: (tracker.update(EMPTY, time_s), tracker.known())[1] for time_s in (0.3, 1.0, 3.1, 3.3)}
    assert known == {0.3: {1}, 1.0: {1}, 3.1: {1}, 3.3: set()}


def test_what_no_look_has_confirmed_is_hardly_remembered():
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    assert ids(tracker.update(EMPTY, 0.0)) == [1]
    detector.everywhere = []
    tracker.update(EMPTY, 0.1)
    assert tracker.known() == {1}
    tracker.update(EMPTY, 0.6)
    assert tracker.known() == set()


def test_a_face_that_jumps_within_reach_keeps_its_track():
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    for time_s in (0.0, 0.1, 0.9):
        tracker.update(EMPTY, time_s)
    detector.everywhere, detector.nearby = [LEFT.moved(60, 0)], []
    assert ids(tracker.update(EMPTY, 1.1)) == [1]
    detector.everywhere = [RIGHT]
    seen = [ids(tracker.update(EMPTY, 1.2 + step / 10)) for step in range(12)]
    assert [2] in seen
    assert all(found in ([], [2]) for found in seen)


# Faces that the detector loses


@pytest.fixture
def lost_face(room, put):
    """A tracker, its detector, which sees the face no longer, and the frame with the face; at 0.2 s."""
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    frame = put(room, Box(80, 80, 120, 120), seed=5)
    for time_s in (0.0, 0.1, 0.2):
        assert ids(tracker.update(frame, time_s)) == [1]
    detector.everywhere = []
    return tracker, detector, frame


def test_a_face_is_bridged_for_two_seconds(lost_face):
    tracker, _, frame = lost_face
    seen = {step: tracker.update(frame, 0.2 + step / 30) for step in range(1, 90)}
    last_s = max(step for step, tracks in seen.items() if tracks) / 30
    assert 1.9 <= last_s <= 2.1
    denied = [tracks[0].seen for step, tracks in seen.items() if 0.5 < step / 30 < 1.8]
    assert set(denied) == {Seen.BRIDGED}
    assert tracker.known() == {1}


def test_while_it_is_bridged_the_detector_is_asked_twice_a_second(lost_face):
    tracker, detector, frame = lost_face
    detector.followed.clear()
    for step in range(1, 55):
        tracker.update(frame, 0.2 + step / 30)
    times = [last for last, roll_deg in detector.followed if roll_deg == 0.0]
    assert 3 <= len(times) <= 5


def test_a_bridged_face_that_the_detector_sees_again_is_found(lost_face):
    tracker, detector, frame = lost_face
    for step in range(1, 40):
        tracker.update(frame, 0.2 + step / 30)
    detector.everywhere = [LEFT]
    seen = [tracker.update(frame, 1.5 + step / 30)[0].seen for step in range(1, 25)]
    assert seen[-1] is Seen.FOUND
    assert tracker.known() == {1}


def test_a_cut_ends_bridging_at_once(lost_face, room, put):
    tracker, _, frame = lost_face
    for step in range(1, 20):
        assert ids(tracker.update(frame, 0.2 + step / 30)) == [1]
    other_shot = put(np.ascontiguousarray(room[::-1, ::-1]), Box(80, 80, 120, 120), seed=17)
    assert tracker.update(other_shot, 0.9) == []
    assert tracker.update(other_shot, 0.93) == []


@pytest.mark.parametrize(("box", "bridged"), [(LEFT, True), (LEFT.moved(-100, 0), False), (LEFT.moved(460, 0), False)])
def test_at_the_edge_of_the_frame_nobody_is_bridged_who_looks_otherwise(room, put, box, bridged):
    detector = Scripted(box)
    tracker = FaceTracker(detector)
    face, behind = put(room, box, seed=5), put(room, box, seed=9)
    for step in range(6):
        assert ids(tracker.update(face, step / 30)) == [1]
    detector.everywhere = []
    for step in range(6, 30):
        # As when somebody walks out: little by little, something else is there.
        share = min(0.5, (step - 6) / 20)
        frame = np.asarray(cv2.addWeighted(face, 1 - share, behind, share, 0), np.uint8)
        tracks = tracker.update(frame, step / 30)
    assert bool(tracks) is bridged


def test_a_place_that_looks_different_is_shown_to_the_detector_at_once():
    frame = SyntheticCamera(seed=2).frame(0)
    detector = Counting()
    tracker = FaceTracker(detector)
    for step in range(3):
        tracker.update(frame.image, step / 30)
    before = detector.followed
    assert before == 1
    noise = np.random.default_rng(0).integers(0, 256, frame.image.shape, np.uint8)
    assert tracker.update(noise, 0.1) == []
    assert detector.followed > before


# Several people


def test_a_face_that_is_lost_beside_another_is_searched_for(room, put):
    detector = Scripted(LEFT, RIGHT)
    tracker = FaceTracker(detector)
    frame = put(put(room, LEFT, seed=5), RIGHT, seed=6)
    for time_s in (0.0, 0.1, 0.2):
        tracker.update(frame, time_s)
    jumped = RIGHT.moved(50, 0)
    detector.everywhere, detector.nearby = [LEFT, jumped], [LEFT]
    frame = put(put(room, LEFT, seed=5), jumped, seed=6)
    detector.nearby = None
    found = [ids(tracker.update(frame, 0.3 + step / 30)) for step in range(40)]
    assert found[-1] == [1, 2]


def corner(region):
    """Return where in its frame the upper left corner of *region* lies, of which it is a view."""
    if region.shape == EMPTY.shape:
        return 0, 0
    offset = region.ctypes.data - region.base.ctypes.data
    return offset % EMPTY.shape[1], offset // EMPTY.shape[1]


class Eyes:
    """A detector that sees the faces in front, where the scene says that they are."""

    name = "eyes"

    def __init__(self):
        self.boxes = []

    def search(self, gray, reduced=1, roll_deg=0.0):
        faces = []
        for box in self.boxes:
            found = box.moved(*(-side for side in corner(gray)))
            left, top, right, bottom = found.pixels(gray.shape)
            inside = right - left >= 0.9 * box.width and bottom - top >= 0.9 * box.height
            # What is blanked is no face.
            if not roll_deg and inside and np.ptp(gray[top + 30 : bottom - 30, left + 30 : right - 30]):
                faces.append(Face(found, 0.9))
        return faces

    def follow(self, gray, last, roll_deg=0.0):
        near = max(self.boxes, key=lambda box: box.iou(last))
        return Face(near, 0.9, roll_deg) if not roll_deg and near.iou(last) > 0.2 else None


def test_who_goes_behind_another_is_not_reported_with_the_face_in_front(room, put):
    eyes = Eyes()
    tracker = FaceTracker(eyes)
    seen = []
    for step in range(160):
        front, back = Box(100, 180, 90, 90), Box(max(100, 400 - 4 * step), 176, 84, 84)
        frame = put(put(room, back.grown(0.25), seed=5), Box(78, 158, 134, 134), seed=6)
        hidden = front.grown(0.25).iou(back) > 0.2
        eyes.boxes = [front] if hidden else [front, back]
        seen.append(tracker.update(frame, step / 30))
    first = [track.id for track in seen[20] if track.box.iou(Box(100, 180, 90, 90)) > 0.5]
    assert len(seen[20]) == 2
    for tracks in seen[140:]:
        assert ids(tracks) == first


def test_who_was_lost_does_not_take_the_face_of_who_passes(room, put):
    eyes = Eyes()
    tracker = FaceTracker(eyes)
    for step in range(60):
        # Both look alike. One is lost, to the right of the other, who walks there.
        passing, lost = Box(100 + 4 * step, 180, 90, 90), Box(280, 180, 90, 90)
        eyes.boxes = [passing] if step > 8 else [passing, lost]
        frame = room if step > 8 else put(room, lost, seed=5)
        tracks = tracker.update(put(frame, passing, seed=5), step / 30)
        if step == 8:
            assert len(tracks) == 2
            first = next(track.id for track in tracks if track.box.iou(passing) > 0.5)
    assert ids(tracks) == [first]


@pytest.mark.parametrize("seconds", [3.0, 4.0])
def test_people_who_cross_keep_their_tracks(room, put, seconds):
    eyes = Eyes()
    tracker = FaceTracker(eyes)
    tracks = []
    for step in range(int(seconds * 30)):
        share = step / (seconds * 30 - 1)
        front, back = Box(round(60 + 400 * share), 180, 90, 90), Box(round(480 - 400 * share), 176, 84, 84)
        frame = put(put(room, back.grown(0.25), seed=5), Box(front.x - 22, 158, 134, 134), seed=6)
        hidden = front.grown(0.25).iou(back) > 0.2
        eyes.boxes = [front] if hidden else [front, back]
        tracks = tracker.update(frame, step / 30)
        if step == 10:
            first = {track.id: track.box.iou(front) for track in tracks}
    assert len(first) == 2
    assert tracker.known() == set(first)
    assert len(tracks) == 2
    for track in tracks:
        assert track.box.iou(front if first[track.id] > 0.5 else back) > 0.5


# Rest


@pytest.mark.parametrize("scene", ["easy", "hard"])
def test_at_rest_an_update_would_do_nothing(scene):
    camera = SyntheticCamera(seed=4, scene=scene, hidden_s=[(1.0, 9.0)])
    all_frames, fewer = FaceTracker(HaarDetector()), FaceTracker(HaarDetector())
    rested = 0
    for index in range(0, 240, 2):
        frame = camera.frame(index)
        tracks = all_frames.update(frame.image, frame.time_s)
        if fewer.rests(frame.time_s):
            rested += 1
            assert tracks == []
        else:
            assert fewer.update(frame.image, frame.time_s) == tracks
    assert all_frames.searches == fewer.searches
    assert rested > 10 or scene == "hard"


def test_at_rest_most_frames_of_an_empty_room_are_not_looked_at(room):
    tracker = FaceTracker(Scripted())
    rested = 0
    for step in range(90):
        if tracker.rests(step / 30):
            rested += 1
        else:
            tracker.update(room, step / 30)
    assert rested >= 55


def test_a_time_that_starts_again_ends_the_rest(room):
    tracker = FaceTracker(Scripted())
    tracker.update(room, 100.0)
    assert tracker.rests(100.01)
    assert not tracker.rests(0.0)


def test_while_a_search_goes_on_behind_it_does_not_rest(room):
    detector = Slow(LEFT)
    tracker = FaceTracker(detector)
    with tracker.behind():
        tracker.update(room, 0.0)
        assert not tracker.rests(0.01)
        detector.may.set()


# Time


def test_a_source_whose_time_starts_again_is_searched_at_once():
    detector = Scripted()
    tracker = FaceTracker(detector)
    tracker.update(EMPTY, 1000.0)
    detector.everywhere = [LEFT]
    assert len(tracker.update(EMPTY, 0.0)) == 1


def test_faces_are_known_over_a_time_that_starts_again():
    frame = SyntheticCamera(seed=2).frame(0)
    detector = Counting()
    tracker = FaceTracker(detector)
    for time_s in (10.0, 10.1, 9.9):
        assert ids(tracker.update(frame.image, time_s)) == [1]
    assert detector.followed == 2


def test_after_a_reset_nothing_is_known():
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    tracker.update(EMPTY, 0.0)
    tracker.reset()
    assert tracker.known() == set()
    assert ids(tracker.update(EMPTY, 0.0)) == [2]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.lists(SQUARES, max_size=4), st.floats(0, 1), st.booleans(), st.floats(0, 1)), max_size=10))
def test_tracks_are_distinct_and_seen_now_whatever_the_detector_returns(room, script):
    detector = Scripted()
    tracker = FaceTracker(detector)
    time_s, ended = 0.0, set()
    for boxes, pause_s, blind, confidence in script:
        time_s += pause_s
        detector.everywhere = boxes
        detector.nearby = [] if blind else None
        detector.confidence = confidence
        before = tracker.known()
        tracks = tracker.update(room, time_s)
        numbers = ids(tracks)
        assert sorted(set(numbers)) == numbers
        assert all(track.seen_s == time_s and track.reported for track in tracks)
        assert not ended & set(numbers)
        ended |= before - tracker.known()


# The detector in a thread of its own


class Slow(Scripted):
    """Answers once it may."""

    def __init__(self, *boxes):
        super().__init__(*boxes)
        self.may = threading.Event()
        self.threads = set()

    def search(self, gray, reduced=1, roll_deg=0.0):
        self.threads.add(threading.current_thread())
        answer = super().search(gray, reduced, roll_deg)
        assert self.may.wait(10)
        return answer

    def follow(self, gray, last, roll_deg=0.0):
        self.threads.add(threading.current_thread())
        answer = super().follow(gray, last, roll_deg)
        assert self.may.wait(10)
        return answer


def until(tracker, frame, time_s, is_there):
    """Update with *frame* until *is_there* of the tracks, at most for ten seconds."""
    for _ in range(2000):
        time_s += 1e-4
        tracks = tracker.update(frame, time_s)
        if is_there(tracks):
            return tracks, time_s
        time.sleep(0.005)
    raise AssertionError("it did not happen")


def test_behind_no_update_waits_for_the_detector(room, put):
    detector = Slow(LEFT)
    tracker = FaceTracker(detector)
    frame = put(room, LEFT, seed=5)
    with tracker.behind():
        # All of these come back, although the detector does not answer.
        for step in range(30):
            assert tracker.update(frame, step / 30) == []
        assert len(detector.searched) <= 1
        detector.may.set()
        tracks, _ = until(tracker, frame, 1.0, bool)
        assert ids(tracks) == [1]
    assert threading.current_thread() not in detector.threads
    assert not any(thread.is_alive() for thread in detector.threads)


def test_behind_a_face_is_put_where_it_is_by_then(room, put):
    detector = Slow(LEFT)
    tracker = FaceTracker(detector)
    with tracker.behind():
        tracker.update(put(room, LEFT, seed=5), 0.0)
        now = LEFT.moved(12, -6)
        detector.may.set()
        tracks, _ = until(tracker, put(room, now, seed=5), 0.1, bool)
    assert tracks[0].box.iou(now) > 0.9


def test_behind_a_look_moves_with_the_face(room, put):
    detector = Slow(LEFT)
    detector.may.set()
    tracker = FaceTracker(detector)
    with tracker.behind():
        frame = put(room, LEFT, seed=5)
        _, time_s = until(tracker, frame, 0.0, bool)
        _, time_s = until(tracker, frame, time_s, lambda tracks: tracks and tracks[0].followed)
        detector.may.clear()
        for step in range(1, 13):
            now = LEFT.moved(3 * step, 0)
            detector.everywhere = [now]
            (track,) = tracker.update(put(room, now, seed=5), time_s + 0.05 * step)
            assert track.box.iou(now) > 0.8
        begun_s = track.confirmed_s
        detector.may.set()
        last = put(room, now, seed=5)
        tracks, _ = until(tracker, last, time_s + 0.6, lambda tracks: tracks[0].confirmed_s > begun_s)
        assert tracks[0].box.iou(now) > 0.8


class Remembering(Slow):
    """Knows which frames it looked at a face in, without keeping them."""

    def __init__(self, *boxes):
        super().__init__(*boxes)
        self.frames = []

    def follow(self, gray, last, roll_deg=0.0):
        self.frames.append(weakref.ref(gray))
        return super().follow(gray, last, roll_deg)


def test_behind_a_look_that_answers_when_its_face_is_forgotten_keeps_no_frame(room, put):
    detector = Remembering(LEFT)
    detector.may.set()
    tracker = FaceTracker(detector)
    frame = put(room, LEFT, seed=5)
    with tracker.behind():
        _, time_s = until(tracker, frame, 0.0, bool)
        detector.may.clear()
        until(tracker, frame, time_s, lambda tracks: detector.frames)
        assert tracker.update(room, time_s + 2) == []
        assert tracker.known() == set()
        detector.everywhere = []
        detector.may.set()
        until(tracker, room, time_s + 2, lambda tracks: detector.frames[0]() is None)


def test_behind_the_source_may_fill_its_array_again(room, put):
    detector = Slow(LEFT)
    tracker = FaceTracker(detector)
    frame = put(room, LEFT, seed=5)
    before = frame.copy()
    with tracker.behind():
        tracker.update(frame, 0.0)
        frame[:] = 0
        detector.may.set()
        until(tracker, before, 0.1, bool)
    assert np.array_equal(detector.searched[0][0], before)


@pytest.mark.parametrize("what", ["search", "follow"])
def test_behind_an_error_reaches_the_caller(room, put, what):
    detector = Scripted(LEFT)

    def fail(*args):
        raise ValueError("the cascade is broken")

    setattr(detector, what, fail)
    tracker = FaceTracker(detector)
    with pytest.raises(ValueError, match="the cascade is broken"), tracker.behind():
        until(tracker, put(room, LEFT, seed=5), 0.0, lambda tracks: False)
    assert tracker.known() <= {1}


def test_in_step_an_error_reaches_the_caller_too():
    detector = Scripted(LEFT)
    detector.search = lambda *args: 1 / 0
    with pytest.raises(ZeroDivisionError):
        FaceTracker(detector).update(EMPTY, 0.0)


def test_behind_may_be_left_by_an_interrupt_and_entered_again(room, put):
    detector = Scripted(LEFT)
    tracker = FaceTracker(detector)
    frame = put(room, LEFT, seed=5)

    def interrupted():
        with tracker.behind():
            tracker.update(frame, 0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("detector")]
    with tracker.behind():
        tracks, time_s = until(tracker, frame, 2.0, bool)
    # In step again.
    assert ids(tracker.update(frame, time_s + 1)) == ids(tracks)


ANYTHING = st.one_of(st.floats(), st.floats(-1e4, 1e4), st.sampled_from([0.0, -1.0, -40.0, 1e-300, 1e300]))


@settings(max_examples=60, deadline=None)
@given(
    boxes=st.lists(st.builds(Box, ANYTHING, ANYTHING, ANYTHING, ANYTHING), min_size=1, max_size=4),
    confidence=st.one_of(st.floats(), st.floats(0, 1)),
    roll_deg=st.one_of(st.floats(), st.floats(-180, 180)),
)
def test_whatever_a_detector_answers_only_possible_faces_are_reported(boxes, confidence, roll_deg, room):
    class Anything:
        name = "anything"

        def search(self, gray, reduced=1, tilt_deg=0.0):
            return [Face(box, confidence, roll_deg) for box in boxes]

        def follow(self, gray, last, tilt_deg=0.0):
            return Face(boxes[0], confidence, roll_deg)

    tracker = FaceTracker(Anything())
    for step in range(12):
        for track in tracker.update(room, step / 5):
            assert track.face.is_possible


@pytest.mark.parametrize("side", [-40.0, 0.0, math.inf, math.nan, 1e300])
def test_a_face_without_a_size_is_none(side, room):
    # A patch of such a face was once scaled for ever.
    tracker = FaceTracker(Scripted(Box(10, 10, side, side)))
    assert tracker.update(room, 0.0) == []
