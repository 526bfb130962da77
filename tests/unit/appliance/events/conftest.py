"""A database of events in a folder of its own, and moments of faces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store
from edge_fer.appliance.latest import Moment

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Hands:
    """A wall clock and a monotonic one, moved by hand."""

    def __init__(self):
        self.time = NOON
        self.monotonic_s = 0.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.monotonic_s

    def advance(self, seconds):
        self.time += timedelta(seconds=seconds)
        self.monotonic_s += seconds


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.db"


@pytest.fixture
def open_store(path, hands):
    """A function that opens the database; what it opened is closed at the end."""
    opened = []

    def open_(at=path, **values):
        store = Store(at, EventSettings(path=at, **values), now=hands.now, monotonic=hands.monotonic)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def event():
    """A function that returns event *n*: a face that came *n* seconds after noon."""

    def make(number=0, **values):
        time = NOON + timedelta(seconds=number)
        fields = {"kind": Kind.FACE, "subject": f"track {number}", "before": None, "after": "unknown"} | values
        return Event(**({"time": time} | fields))

    return make


def face(track, state, scores=None):
    scores = {"happy": 0.75, "sad": 0.25} if scores is None else scores
    return {
        "track": track, "box": [1.0, 2.0, 30.0, 40.0], "confidence": 0.9, "state": state, "seen": "found",
        "roll_deg": 0.0, "scores": scores, "smoothed": scores,
    }  # fmt: skip


@pytest.fixture
def moment():
    """A function that returns the moment *time_s* with *faces*: the state by the track."""

    def make(time_s, faces, scores=None):
        record = {
            "index": 0, "time_s": time_s, "source": "camera 0", "stage_ms": {}, "dropped": 0,
            "faces": [face(track, state, scores) for track, state in faces.items()],
        }  # fmt: skip
        return Moment(record, (640, 480), time_s)

    return make
