"""Who of several people is the driver."""

import numpy as np
import pytest

from edge_fer.boxes import Box
from edge_fer.driving import seat
from edge_fer.driving.seat import Seat
from edge_fer.records import FaceRecord

SCORES = np.ones(1, np.float32)
DRIVER = Box(100, 100, 120, 120)
PASSENGER = Box(420, 110, 100, 100)


def face(track: int, box: Box) -> FaceRecord:
    return FaceRecord(track, box, 1.0, SCORES, SCORES, "neutral")


def settled() -> tuple[Seat, float]:
    """Return a seat whose driver was seen for long enough, and the time."""
    chair = Seat()
    for step in range(31):
        chair.driver([face(1, DRIVER)], step / 10)
    return chair, 3.0


def test_at_first_the_largest_face_drives() -> None:
    assert Seat().driver([face(1, PASSENGER), face(2, DRIVER)], 0.0).track == 2


def test_nobody_drives_where_nobody_is() -> None:
    assert Seat().driver([], 0.0) is None


def test_a_passenger_who_leans_forward_does_not_drive() -> None:
    chair, now_s = settled()
    near = PASSENGER._replace(width=240, height=240)
    assert chair.driver([face(2, near), face(1, DRIVER)], now_s).track == 1


def test_a_passenger_is_not_taken_for_a_driver_who_is_not_seen() -> None:
    chair, now_s = settled()
    assert chair.driver([face(2, PASSENGER)], now_s + 1) is None
    assert chair.driver([face(2, PASSENGER)], now_s + seat.REMEMBERED_S - 1) is None


def test_the_driver_has_another_track_after_he_was_away() -> None:
    chair, now_s = settled()
    assert chair.driver([face(2, PASSENGER), face(3, DRIVER.moved(30, -10))], now_s + 5).track == 3


def test_after_a_minute_without_a_driver_somebody_else_may_drive() -> None:
    chair, now_s = settled()
    assert chair.driver([face(2, PASSENGER)], now_s + seat.REMEMBERED_S + 1).track == 2


@pytest.mark.parametrize("back_s", [0.5, 1000.0])
def test_a_time_that_runs_back_forgets_the_driver(back_s: float) -> None:
    chair, now_s = settled()
    assert chair.driver([face(2, PASSENGER)], now_s - back_s).track == 2


def test_the_usual_place_follows_the_driver_slowly() -> None:
    chair, now_s = settled()
    for step in range(600):
        now_s += 0.1
        assert chair.driver([face(1, DRIVER.moved(step / 3, 0))], now_s) is not None
