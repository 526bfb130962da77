"""Events as JSON, topics, and what Home Assistant is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.outlets import home_assistant, payload
from edge_fer.appliance.outlets.mqtt import level

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_a_payload_is_always_json_in_utf8():
    circle: dict = {}
    circle["circle"] = circle
    for detail in ({"x": float("nan")}, {"x": float("inf")}, circle, {"x": "y" * 100_000}):
        encoded = payload.encoded({"subject": "\ud800", "detail": detail})
        assert json.loads(encoded) == {"subject": "?", "detail": {}}
    assert json.loads(payload.encoded({"detail": {"x": NOON}}))["detail"]["x"] == str(NOON)
    assert payload.encoded({"x": float("nan")}) == b"{}"


def test_scores_are_left_out_unless_they_are_asked_for():
    detail = {"scores": {"happy": 1}, "mean_scores": {"happy": 1}, "stayed_s": 2}
    event = Event(NOON, Kind.FACE, "track 1", "happy", None, detail)
    assert payload.fields(event, scores=False)["detail"] == {"stayed_s": 2}
    assert payload.fields(event, scores=True)["detail"] == detail
    assert event.detail == detail


@pytest.mark.parametrize(
    ("before", "after", "change"), [(None, "a", "new"), ("a", "b", "update"), ("a", None, "end"), (None, None, "end")]
)
def test_what_an_event_is_to_its_subject(before, after, change):
    assert payload.change(Event(NOON, Kind.ALERT, "x", before, after)) == change


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("camera", "camera"), ("Front door", "Front_door"), ("a/b+c#d$e", "a_b_c_d_e"), ("", "_"), (" x ", "x"),
        ("Zoë's 顔", "Zoë's_顔"), ("a\x00b\nc\u202ed", "a_b_c_d"), ("x" * 500, "x" * 64), ("\ud800", "_"),
    ],
)  # fmt: skip
def test_a_name_becomes_one_level_of_a_topic(name, topic):
    assert level(name) == topic


def test_ids_that_differ_stay_different():
    ids = {home_assistant.identifier(name) for name in ("a b", "a_b", "a-b", "aäb", "a.b")}
    assert len(ids) == 5
    assert all(character.isascii() and (character.isalnum() or character in "_-") for each in ids for character in each)


def test_what_was_announced_before_is_removed_with_its_platform_only():
    wanted = home_assistant.config("device", "Device", "p/available", "p/door")
    before = home_assistant.config("device", "Device", "p/available", "p/hall")
    removing = home_assistant.with_removed(json.dumps(before).encode(), wanted)
    gone = removing["cmps"].keys() - wanted["cmps"].keys()
    assert gone == before["cmps"].keys()
    assert all(removing["cmps"][key] == {"p": before["cmps"][key]["p"]} for key in gone)
    assert home_assistant.with_removed(json.dumps(wanted).encode(), wanted) is None


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[]", b"\xff", b'{"cmps": 3}', b'{"cmps": {"x": 3}}', b"null"])
def test_a_damaged_announcement_removes_nothing(damaged):
    assert home_assistant.with_removed(damaged, home_assistant.config("d", "D", "a", "p/c")) is None
