from __future__ import annotations

from concurrent.futures import Executor, Future

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.detectors import Face
from edge_fer.tracking.changes import Changes
from edge_fer.tracking.in_step import InStep
from edge_fer.tracking.looking import TILT_DEG
from edge_fer.tracking.searching import Searches
from edge_fer.tracking.settings import Tracking

FACE = Box(200, 160, 96, 96)


class Asked:
    """A detector that remembers what it is asked, and finds a face in the middle of each part of a frame."""

    name = "asked"

    def __init__(self):
        self.searched = []

    def search(self, gray, reduced=1, roll_deg=0.0):
        self.searched.append((gray, reduced, roll_deg))
        height, width = gray.shape
        return [Face(Box(width / 2 - 10, height / 2 - 10, 20, 20), 0.9, roll_deg)]


class Later(Executor):
    """Executes nothing until it is told to."""

    def __init__(self):
        self.waiting = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.waiting.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future


@pytest.fixture
def detector():
    return Asked()


@pytest.fixture
def searches(detector):
    return Searches(detector, Tracking())


def search(searches, gray, time_s, known=(), executor=None, reduced=1, nobody=False):
    searches.begin_if_due(executor or InStep(), gray, time_s, known, reduced, nobody=nobody)
    return searches.take()


def test_a_still_frame_is_searched_once_a_second_and_tilted_once(searches, room, detector):
    found = [search(searches, room, step / 30) for step in range(121)]
    begun = [(step, found[step].tilt_deg) for step in range(121) if found[step] is not None]
    assert begun == [(0, 0.0), (15, TILT_DEG), (30, 0.0), (60, 0.0), (90, 0.0), (120, 0.0)]
    assert searches.whole == 5
    assert all(gray.shape == room.shape for gray, _, _ in detector.searched)


def test_a_still_frame_without_anybody_is_searched_every_three_seconds(searches, room):
    found = [search(searches, room, step / 30, nobody=True) for step in range(301)]
    upright = [step for step in range(301) if found[step] is not None and not found[step].tilt_deg]
    # The first frame is all new.
    assert upright == [0, 30, 120, 210, 300]


def test_after_a_second_without_anybody_and_without_a_change_one_is_looked_for_half_as_often(
    searches, room, monkeypatch
):
    looked = []
    regions = Changes.regions

    def noted(self, gray, time_s, *others):
        looked.append(round(time_s * 30))
        return regions(self, gray, time_s, *others)

    monkeypatch.setattr(Changes, "regions", noted)
    for step in range(61):
        search(searches, room, step / 30, nobody=True)
    # Every 0.1 s are 3 frames or 4, every 0.2 s are 6 or 7.
    assert np.diff([step for step in looked if step < 30]).max() <= 4
    assert np.diff([step for step in looked if step > 33]).min() >= 6


def test_whoever_comes_while_nobody_was_there_is_searched_for_in_a_fifth_of_a_second(searches, room, put):
    for step in range(150):
        assert search(searches, room, step / 30, nobody=True) is None or step in (0, 15, 30, 120)
    frame = put(room, FACE, seed=5)
    found = [search(searches, frame, step / 30, nobody=True) for step in range(150, 157)]
    assert any(one is not None and not one.tilt_deg for one in found)


def test_a_frame_that_changes_is_searched_tilted_to_both_sides_in_turn(searches, room, put):
    tilts = []
    for step in range(121):
        frame = put(room, FACE.moved(4 * (step % 20), 0), seed=1)
        found = search(searches, frame, step / 30)
        if found is not None and found.tilt_deg:
            tilts.append((step, found.tilt_deg))
    assert [tilt for _, tilt in tilts] == [TILT_DEG, -TILT_DEG, TILT_DEG, -TILT_DEG]
    assert (np.diff([step for step, _ in tilts]) >= 30).all()


def test_what_changes_is_searched_ten_times_a_second_at_most(searches, room, put, detector):
    search(searches, room, 0.0)
    times = []
    for step in range(1, 15):
        frame = put(room, FACE.moved(100 * (step % 2), 30 * (step % 3)), seed=step)
        if search(searches, frame, step / 30) is not None:
            times.append(step)
    assert times
    assert min(times) == 3
    assert (np.diff(times) >= 3).all()
    assert all(gray.shape < room.shape for gray, _, _ in detector.searched[1:])


def test_what_is_found_in_a_region_is_put_where_it_is_in_the_frame(searches, room, put):
    search(searches, room, 0.0)
    found = search(searches, put(room, FACE, seed=5), 0.2)
    assert found.time_s == 0.2
    (face,) = found.faces.result()
    assert abs(face.box.x + 10 - 248) < 24
    assert abs(face.box.y + 10 - 208) < 24


def test_known_faces_are_blanked_and_the_frame_stays_as_it_is(searches, room, put, detector):
    frame = put(room, FACE, seed=5)
    before = frame.copy()
    search(searches, frame, 0.0, [FACE, Box(-50, -50, 30, 30), Box(600, 440, 90, 90)], reduced=2)
    ((searched, reduced, _),) = detector.searched
    assert reduced == 2
    assert np.array_equal(frame, before)
    assert np.ptp(searched[160:256, 200:296]) == 0
    assert np.ptp(searched[440:, 600:]) == 0
    kept = np.ones(room.shape, bool)
    kept[160:256, 200:296] = kept[440:, 600:] = False
    assert np.array_equal(searched[kept], frame[kept])


def test_one_search_goes_on_at_a_time(searches, room, detector):
    later = Later()
    assert search(searches, room, 0.0, executor=later) is None
    assert search(searches, room, 5.0, executor=later) is None
    assert len(later.waiting) == 1
    later.waiting.pop()()
    found = searches.take()
    assert (found.time_s, found.tilt_deg) == (0.0, 0.0)
    assert searches.take() is None
    search(searches, room, 5.1, executor=later)
    assert len(later.waiting) == 1


def test_what_is_dropped_is_not_handed_over(searches, room):
    later = Later()
    search(searches, room, 0.0, executor=later)
    searches.drop()
    later.waiting.pop()()
    assert searches.take() is None


def test_after_a_reset_the_next_frame_is_searched(searches, room):
    search(searches, room, 100.0)
    searches.reset()
    found = search(searches, room, 0.0)
    assert found is not None
    assert found.tilt_deg == 0.0


def test_an_error_of_the_detector_is_raised_with_its_result(searches, room, detector):
    detector.search = lambda *args: 1 / 0
    found = search(searches, room, 0.0)
    with pytest.raises(ZeroDivisionError):
        found.faces.result()
