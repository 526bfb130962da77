"""What frames and records tell about the driver."""

from __future__ import annotations

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.driving import observer as observers
from edge_fer.driving.observation import Hindrance, Measured, Observation, Pose, Sight
from edge_fer.driving.observer import Observer
from edge_fer.records import FaceRecord, Record, Seen
from edge_fer.sources import Frame
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import Look
from edge_fer.sources.drawn.head import Head
from edge_fer.sources.drawn.head import Pose as HeadPose
from edge_fer.sources.synthetic import SyntheticCamera

SCORES = np.ones(1, np.float32)
DRAWN = SyntheticCamera(scene="easy").frame(0)
POSE = Pose(yaw_deg=5, pitch_deg=-2, roll_deg=1, uncertainty_deg=2)
EYES = Measured(value=0.3, uncertainty=0.02)


def frame(image: np.ndarray, time_s: float, reduced: int = 1) -> Frame:
    return Frame(image, time_s, round(time_s * 10), "test", reduced=reduced)


def record(time_s: float, *faces: FaceRecord) -> Record:
    return Record(round(time_s * 10), time_s, "test", ("neutral",), faces, {})


def face(seen: Seen = Seen.FOUND, box: Box = DRAWN.truth[0].box) -> FaceRecord:
    return FaceRecord(1, box, 1.0, SCORES, SCORES, "neutral", seen)


class Points:
    """Landmarks that note what they were asked for, and tell `found`."""

    def __init__(self) -> None:
        self.asked: list[Box | None] = []
        self.found: Points | None = self
        self.pose = POSE
        self.eyes = EYES
        self.mouth = None
        self.eyes_hidden = False
        self.resets = 0

    def look(self, image: np.ndarray, box: Box | None, roll_deg: float = 0.0) -> Points | None:
        self.asked.append(box)
        return self.found

    def reset(self) -> None:
        self.resets += 1


@pytest.mark.parametrize(("seen", "facing"), [(Seen.FOUND, True), (Seen.TURNED, False), (Seen.BRIDGED, False)])
def test_a_face_that_the_detector_confirms_faces_the_road(seen: Seen, facing: bool) -> None:
    observed = Observer().observe(frame(DRAWN.image, 1.5), record(1.5, face(seen)))
    assert observed == Observation(time_s=1.5, sight=Sight.FACE, facing=facing, state="neutral")


def test_an_observation_may_have_another_time_than_its_frame() -> None:
    assert Observer().observe(frame(DRAWN.image, 1.5), record(1.5, face()), 99.0).time_s == 99.0


@pytest.mark.parametrize(
    ("level", "expected"), [(0, Hindrance.DARK), (128, Hindrance.COVERED), (255, Hindrance.OVEREXPOSED)]
)
def test_where_nobody_could_be_seen_nothing_is_claimed(level: int, expected: Hindrance) -> None:
    image = np.full((120, 160), level, np.uint8)
    observed = Observer().observe(frame(image, 0.0), record(0.0))
    assert (observed.sight, observed.hindrance, observed.facing) == (Sight.CANNOT_MONITOR, expected, None)


def test_where_somebody_could_be_seen_nobody_is_there() -> None:
    empty = SyntheticCamera(scene="easy", faces=0).frame(0).image
    assert Observer().observe(frame(empty, 0.0), record(0.0)).sight is Sight.NO_FACE


def test_somebody_from_the_side_is_still_there() -> None:
    head = Head(Look(), long_hair=False).render(EXPRESSIONS["neutral"], HeadPose(yaw=60), (0.2, -0.4, 1), 240)
    aside = np.full((480, 640), 120, np.uint8)
    aside[100:340, 200:440] = np.where(head.opacity > 128, head.tones, 120)
    watched = Observer()
    place = Box(260, 160, 120, 120)
    watched.observe(frame(DRAWN.image, 0.0), record(0.0, face(box=place)))
    observed = watched.observe(frame(aside, 0.5), record(0.5))
    assert (observed.sight, observed.facing) == (Sight.FACE, False)


@pytest.mark.parametrize(("tone", "expected"), [(150, Sight.NO_FACE), (50, Sight.CANNOT_MONITOR)])
def test_an_empty_seat_is_dark_only_where_the_driver_was_at_dusk(tone: int, expected: Sight) -> None:
    room = np.random.default_rng(0).integers(60, 220, (240, 320), np.uint8)
    place = Box(100, 60, 100, 100)
    seated, empty = room.copy(), room.copy()
    seated[60:160, 100:200] = tone
    empty[60:160, 100:200] = 20
    watched = Observer()
    watched.observe(frame(seated, 0.0), record(0.0, face(box=place)))
    assert watched.observe(frame(empty, 5.0), record(5.0)).sight is expected


def test_landmarks_go_on_where_the_detector_has_lost_the_face() -> None:
    points = Points()
    watched = Observer(points)
    assert watched.level == 2
    first = watched.observe(frame(DRAWN.image, 0.0), record(0.0, face()))
    assert (first.pose, first.eyes, first.facing) == (POSE, EYES, True)
    lost = watched.observe(frame(DRAWN.image, 0.1), record(0.1))
    assert (lost.sight, lost.pose, lost.facing) == (Sight.FACE, POSE, False)
    assert points.asked == [DRAWN.truth[0].box, None]
    points.found = None
    assert watched.observe(frame(np.zeros((120, 160), np.uint8), 0.2), record(0.2)).sight is Sight.CANNOT_MONITOR


def test_dark_glasses_hide_the_eyes() -> None:
    points = Points()
    points.eyes_hidden = True
    observed = Observer(points).observe(frame(DRAWN.image, 0.0), record(0.0, face()))
    assert observed.hindrance is Hindrance.SUNGLASSES


def test_landmarks_look_as_often_as_they_may() -> None:
    points = Points()
    watched = Observer(points, every_s=0.25)
    for index in range(11):
        time_s = index / 10
        assert watched.observe(frame(DRAWN.image, time_s), record(time_s, face())).pose == POSE
    assert len(points.asked) == 4


def test_landmarks_are_asked_in_pixels_of_the_decoded_frame() -> None:
    points = Points()
    Observer(points).observe(frame(DRAWN.image, 0.0, reduced=2), record(0.0, face(box=Box(40, 60, 80, 100))))
    assert points.asked == [Box(20, 30, 40, 50)]


def test_a_film_that_starts_again_starts_the_landmarks_again() -> None:
    points = Points()
    watched = Observer(points)
    for time_s in (0.0, 0.1, 0.0):
        watched.observe(frame(DRAWN.image, time_s), record(time_s, face()))
    assert points.resets == 1


def test_a_film_that_starts_again_forgets_whom_it_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Observer()
    monkeypatch.setattr(watched._profile, "is_near", lambda *_: True)
    watched.observe(frame(DRAWN.image, 100.0), record(100.0, face()))
    assert watched.observe(frame(DRAWN.image, 0.0), record(0.0)).sight is Sight.NO_FACE


def test_without_files_the_level_is_1() -> None:
    assert observers.opened().level == 1
