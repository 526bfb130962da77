"""The driver in the service: what is observed becomes events, and what is not observed becomes one in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from edge_fer.appliance.driver.driver import MOST_RECENT, Driver
from edge_fer.appliance.driver.settings import DrivingSettings
from edge_fer.appliance.event import Kind
from edge_fer.driving.words import SENTENCES

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
START_S = 1000.0
TICK_S = 0.2
FACING = {"time_s": 5.0, "sight": "face", "facing": True}
AWAY = {"time_s": 5.0, "sight": "face", "facing": False}


class Told:
    """A speed that a test tells."""

    def __init__(self):
        self.value = None
        self.ticks = 0
        self.closed = False

    def tick(self):
        self.ticks += 1

    def kmh(self):
        return self.value

    def close(self):
        self.closed = True


class Drive:
    """A driver whose time goes on only here, and the events that came of it."""

    def __init__(self):
        self.speed = Told()
        self.driver = Driver(DrivingSettings(), self.speed, START_S)
        self.now_s = START_S
        self.events = []

    @property
    def time(self):
        return NOON + timedelta(seconds=self.now_s - START_S)

    def watches(self, observed, seconds, fps=10):
        for _ in range(round(seconds * fps)):
            self.now_s += 1 / fps
            self.events += self.driver.saw(observed, self.now_s, self.time)

    def hangs(self, seconds):
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            self.events += self.driver.tick(self.now_s, self.time)

    def told(self):
        return [
            (round((event.time - NOON).total_seconds(), 1), event.subject, event.before, event.after)
            for event in self.events
        ]


@pytest.fixture
def drive():
    return Drive()


def test_an_alert_gets_louder_and_is_cleared(drive):
    drive.watches(FACING, 5)
    drive.watches(AWAY, 6)
    drive.watches(FACING, 10)
    subject = "driver: looks away"
    changes = [(before, after) for _, about, before, after in drive.told() if about == subject]
    assert changes == [(None, "notice"), ("notice", "warning"), ("warning", "notice"), ("notice", None)]
    assert all(event.kind is Kind.ALERT for event in drive.events)
    first, *_, last = drive.events
    # Each has the time at which it came about: three seconds after the driver looked away.
    assert abs((first.time - NOON).total_seconds() - 8.0) < 0.2
    assert first.detail["words"] == "look at the road"
    assert "words" not in last.detail
    assert drive.driver.now()["raised"] == {}


def test_a_camera_that_hangs_is_told_after_ten_seconds(drive):
    drive.watches(FACING, 5)
    drive.hangs(11)
    assert drive.told() == [(15.0, "driver: cannot monitor", None, "notice")]
    now = drive.driver.now()
    assert (now["sight"], now["shows"], now["level"]) == ("stale", "stale", "notice")
    assert now["raised"] == {"cannot monitor": "notice"}
    drive.watches(FACING, 5)
    assert drive.told()[1:] == [(18.1, "driver: cannot monitor", "notice", None)]


def test_a_camera_that_never_delivers_is_told_too(drive):
    drive.hangs(12)
    assert [event[1:] for event in drive.told()] == [("driver: cannot monitor", None, "notice")]


def test_a_watcher_without_observations_monitors_nobody(drive):
    # The frame of a watcher that was started before the settings changed.
    assert drive.driver.now() == {"sight": None, "at_s": START_S, "raised": {}, "level": None}


def test_time_never_runs_back(drive):
    drive.watches(FACING, 5)
    drive.hangs(3)
    # A thread that had to wait brings a frame that came before the last look.
    drive.driver.saw(FACING, drive.now_s - 2, drive.time)
    assert drive.driver.now()["at_s"] == round(drive.now_s, 3)
    drive.watches(AWAY, 4)
    assert [event[1:] for event in drive.told()] == [("driver: looks away", None, "notice")]


def test_what_is_raised_is_cleared_at_the_end_for_a_reason(drive):
    drive.watches(FACING, 5)
    drive.watches(AWAY, 4)
    events = drive.driver.end(drive.time, "the service ends")
    assert [(event.before, event.after, event.detail) for event in events] == [
        ("notice", None, {"reason": "the service ends"})
    ]
    assert drive.driver.end(drive.time, "again") == []
    assert not drive.speed.closed
    drive.driver.close()
    assert drive.speed.closed


def test_the_speed_changes_the_times(drive):
    drive.speed.value = 30.0
    drive.watches(FACING, 5)
    drive.watches(AWAY, 4)
    assert drive.told() == []
    drive.watches(AWAY, 2)
    assert [event[1:] for event in drive.told()] == [("driver: looks away", None, "notice")]
    drive.hangs(0.4)
    assert drive.speed.ticks == 2


def test_the_page_is_told_of_the_last_alerts(drive):
    drive.watches(FACING, 5)
    for _ in range(MOST_RECENT + 5):
        drive.watches(AWAY, 4)
        drive.watches(FACING, 8)
    drive.watches(AWAY, 6)
    recent = drive.driver.status(drive.now_s)["recent"]
    assert len(recent) == MOST_RECENT
    newest, before = [one for one in recent if one["kind"] == "looks away"][:2]
    assert (newest["kind"], newest["level"], newest["lasted_s"]) == ("looks away", "warning", None)
    assert newest["age_s"] == pytest.approx(3.0, abs=0.3)
    assert before["level"] == "notice"
    assert before["lasted_s"] > 0.5


def test_what_is_no_observation_is_refused(drive):
    for content in ({"sight": "mars"}, {"sight": "face", "picture": "x"}, {}):
        with pytest.raises(ValidationError):
            drive.driver.saw(content, drive.now_s, drive.time)


def test_level_2_is_shown_relative_to_the_own_pose(drive):
    pose = {"yaw_deg": 8.0, "pitch_deg": 4.0, "roll_deg": 0.0, "uncertainty_deg": 2.0}
    seen = {**FACING, "pose": pose, "eyes": {"value": 0.3, "uncertainty": 0.02}}
    drive.watches(seen, 30)
    now = drive.driver.now()
    assert now["learned"] == pytest.approx(0.5, abs=0.02)
    assert now["yaw_deg"] == 8.0
    assert "eyes_open" not in now
    drive.watches(seen, 90)
    now = drive.driver.now()
    assert now["learned"] == 1.0
    assert now["yaw_deg"] == pytest.approx(0.0, abs=1.0)
    assert now["pitch_deg"] == pytest.approx(0.0, abs=1.0)
    assert now["eyes_open"] == pytest.approx(1.0, abs=0.05)
    assert now["perclos"] == 0.0
    drive.watches({**seen, "eyes": {"value": 0.08, "uncertainty": 0.02}}, 0.5)
    assert drive.driver.now()["why"] == "closed"
    assert drive.driver.now()["eyes_open"] == 0.0


def test_every_kind_has_its_words(drive):
    assert all(sentence for sentence in SENTENCES.values())
