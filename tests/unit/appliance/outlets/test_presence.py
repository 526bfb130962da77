"""Who is in view, as the events tell."""

from __future__ import annotations

from datetime import UTC, datetime

from edge_fer.appliance.driver.driver import SUBJECT, level_name
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.outlets.presence import DOUBTS, LEVELS, MAX_SUBJECTS, NOBODY, Presence
from edge_fer.driving.alerts import Level

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def told(*changes: tuple[str, str | None], kind: Kind = Kind.FACE) -> Presence:
    presence = Presence()
    for subject, after in changes:
        presence.take(Event(NOON, kind, subject, None, after))
    return presence


def test_whoever_was_there_first_counts_until_they_go():
    assert told().first() == NOBODY
    assert told(("a", "sad"), ("b", "happy")).first() == "sad"
    assert told(("a", "sad"), ("b", "happy"), ("a", "angry")).first() == "angry"
    assert told(("a", "sad"), ("b", "happy"), ("a", None)).first() == "happy"
    assert told(("a", "sad"), ("a", None), ("a", None)).first() == NOBODY


def test_what_most_have_counts_where_it_is_known():
    assert told().most() == NOBODY
    assert told(("a", "sad"), ("b", "happy"), ("c", "happy")).most() == "happy"
    assert told(("a", "sad"), ("b", "happy")).most() == "sad"
    assert told(("a", "unknown"), ("b", "unknown"), ("c", "happy")).most() == "happy"
    assert told(("a", "unknown")).most() == "unknown"


def test_faults_end_with_a_word_or_with_none():
    assert told(("camera", "gone"), kind=Kind.HEALTH).faults == {"camera": "gone"}
    assert told(("camera", "failing"), ("camera", "working"), kind=Kind.HEALTH).faults == {}
    assert told(("camera", "gone"), ("camera", None), kind=Kind.HEALTH).faults == {}


def test_a_notice_changes_nothing():
    presence = told(("clock", "jumped"), kind=Kind.NOTICE)
    assert not presence.faces
    assert not presence.alerts
    assert not presence.faults


def test_it_remembers_a_bounded_number():
    presence = told(*[(f"track {number}", "happy") for number in range(10 * MAX_SUBJECTS)])
    assert len(presence.faces) == MAX_SUBJECTS
    assert f"track {10 * MAX_SUBJECTS - 1}" in presence.faces
    for _ in range(2 * DOUBTS):
        presence.correct({"faces": {f"track {number}": "sad" for number in range(10 * MAX_SUBJECTS)}})
    assert len(presence.faces) == MAX_SUBJECTS


def test_the_status_mends_what_lost_events_have_left():
    presence = told(("a", "sad"), ("b", "happy"), ("c", "sad"))
    for _ in range(DOUBTS):
        assert list(presence.faces.items()) == [("a", "sad"), ("b", "happy"), ("c", "sad")]
        presence.correct({"faces": {"d": "fear", "c": "sad", "b": "angry"}})
    assert list(presence.faces.items()) == [("b", "angry"), ("c", "sad"), ("d", "fear")]
    presence.correct({})
    assert len(presence.faces) == 3


def test_a_moment_out_of_sight_ends_nothing():
    presence = told(("a", "sad"))
    for _ in range(10):
        for _ in range(DOUBTS - 1):
            presence.correct({"faces": {}})
        presence.correct({"faces": {"a": "sad"}})
    assert presence.first() == "sad"


def test_faults_are_those_of_the_status():
    presence = told(("camera", "gone"), kind=Kind.HEALTH)
    presence.correct({"parts": {"mqtt": {"fault": "gone"}, "camera": {"fault": None}}})
    assert presence.faults == {"mqtt": "gone"}
    presence.correct({"parts": {}})
    assert presence.faults == {}
    # It has waited while the broker was away.
    presence.take(Event(NOON, Kind.HEALTH, "mqtt", "working", "failing"))
    assert presence.faults == {}


def test_alerts_have_levels():
    assert told(kind=Kind.ALERT).loudest() is None
    presence = told(("driver: emotion", "advice"), kind=Kind.ALERT)
    assert presence.loudest() == "advice"
    assert not presence.is_alerted("notice")
    presence = told(("a", "notice"), ("b", "warning"), ("a", "notice"), kind=Kind.ALERT)
    assert presence.loudest() == "warning"
    assert presence.is_alerted("warning")
    assert not presence.is_alerted("alarm")
    assert told(("drowsy", "raised"), kind=Kind.ALERT).is_alerted("alarm")
    assert tuple(level_name(level) for level in Level) == LEVELS


def test_the_status_knows_which_alerts_of_the_driver_are_raised():
    presence = told((f"{SUBJECT}sleep", "alarm"), ("other", "raised"), kind=Kind.ALERT)
    presence.correct({"driver": {"raised": {"looks away": "notice"}}})
    assert presence.alerts == {"other": "raised", f"{SUBJECT}looks away": "notice"}
    presence.correct({"parts": {}})
    assert len(presence.alerts) == 2
