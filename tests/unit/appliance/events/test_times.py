from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from edge_fer.appliance.events.times import parse
from edge_fer.errors import BadInput

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "ago"),
    [("90s", 90), ("5m", 300), ("5 min", 300), ("2h", 7200), ("1.5h", 5400), ("7d", 604_800), ("1w", 604_800)],
)
def test_so_long_ago(text, ago):
    assert parse(text, NOW) == NOW - timedelta(seconds=ago)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("today", "2026-11-29T23:00"),
        ("yesterday", "2026-11-28T23:00"),
        ("14:30", "2026-11-30T13:30"),
        ("9:05:30", "2026-11-30T08:05:30"),
        ("2026-11-30", "2026-11-29T23:00"),
        ("2026-07-01", "2026-06-30T22:00"),  # in summer, seen from winter
        ("2026-07-01T12:00", "2026-07-01T10:00"),
        ("2026-07-01 12:00", "2026-07-01T10:00"),
        ("2026-11-30T12:00Z", "2026-11-30T12:00"),
        ("2026-11-30T12:00+05:45", "2026-11-30T06:15"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # happens twice: the first time counts
    ],
)
def test_times_of_the_place_and_of_others(text, utc):
    assert parse(text, NOW) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "-2h", "2", "999999999w", "2026-11-30T99", "1e3h"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(BadInput, match="is no time; pass for instance 2h"):
        parse(text, NOW)
