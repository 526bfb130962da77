"""What is learned of a person."""

from __future__ import annotations

import random

import pytest

from edge_fer.driving.observation import Pose
from edge_fer.driving.parameters import Parameters
from edge_fer.driving.policy import histogram
from edge_fer.driving.policy.person import Person, learned

P = Parameters()


def pose(yaw_deg=0.0, pitch_deg=0.0):
    return Pose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=0, uncertainty_deg=3)


def taught(poses, openings=(0.33,), length_s=0.1, person=None):
    person = person or Person()
    for number, one in enumerate(poses):
        person = learned(person, one, openings[number % len(openings)], length_s, P)
    return person


def test_nothing_is_known_before_a_minute():
    person = taught([pose(5)] * 590)
    assert person.own_pose(P) is None
    assert person.open_eye(P) is None
    assert taught([pose(5)] * 10, person=person).own_pose(P) == pytest.approx((5, 0), abs=0.6)


def test_glances_do_not_move_the_own_pose():
    numbers = random.Random(1)  # noqa: S311
    poses = [pose(40) if number % 4 == 0 else pose(numbers.gauss(8, 3), numbers.gauss(-5, 3)) for number in range(900)]
    assert taught(poses).own_pose(P) == pytest.approx((9, -4), abs=2)


def test_who_looks_aside_for_long_does_not_make_that_the_road():
    person = taught([pose(38, 30)] * 3000)
    assert person.own_pose(P) == (P.own_yaw_range_deg, P.own_pitch_range_deg)
    assert person.turned(pose(0, 0), P) == ""
    assert person.turned(pose(44, 0), P) == "head turned aside"


def test_a_pose_that_no_mount_explains_is_not_learned():
    assert taught([pose(70)] * 900) == Person()


def test_limits_are_wider_until_the_pose_is_learned():
    assert Person().turned(pose(30), P) == ""
    assert taught([pose()] * 610).turned(pose(30), P) == "head turned aside"


@pytest.mark.parametrize(("pitch_deg", "turned"), [(17, ""), (20, "head bowed"), (-24, ""), (-28, "head raised")])
def test_down_is_sooner_away_than_up(pitch_deg, turned):
    assert taught([pose()] * 610).turned(pose(pitch_deg=pitch_deg), P) == turned


def test_another_driver_of_the_same_drive_is_learned_in_time():
    person = taught([pose(-10)] * 3600)
    assert taught([pose(10)] * 5000, person=person).own_pose(P)[0] == pytest.approx(10, abs=1)


@pytest.mark.parametrize("length_s", [1 / 5, 1 / 30])
def test_the_open_eye_is_above_blinks_at_every_rate(length_s):
    openings = [0.12] * 2 + [0.33] * 18
    person = taught([pose()] * round(70 / length_s), openings, length_s)
    assert person.open_eye(P) == pytest.approx(0.33, abs=0.006)
    assert person.openness(0.33, P) == pytest.approx(1, abs=0.03)


def test_eyes_that_were_never_open_are_not_the_norm():
    person = taught([pose()] * 700, [0.05])
    assert person.open_eye(P) == P.open_least
    assert person.is_closed(0.05, False, P)


def test_closing_has_hysteresis():
    person = taught([pose()] * 700)
    between = 0.33 * (P.closed_reads + (1 - P.closed_reads) * 0.28)
    assert person.is_closed(between, False, P) is False
    assert person.is_closed(between, True, P) is True


def test_a_histogram_holds_its_memory_only():
    filled = histogram.empty(0, 1, 0.1)
    for _ in range(500):
        filled = histogram.added(filled, 0.25, 1.0, 60)
    assert sum(filled.seconds) == pytest.approx(60)
    assert filled.total_s == 500
    assert histogram.quantile(filled, 0.5) == pytest.approx(0.25)


@pytest.mark.parametrize("value", [-5.0, 7.0])
def test_a_histogram_takes_what_is_beyond_its_ends(value):
    filled = histogram.added(histogram.empty(0, 1, 0.1), value, 1.0, 60)
    assert sum(filled.seconds) == 1
