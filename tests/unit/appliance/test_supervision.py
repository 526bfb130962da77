"""The small parts of the supervision: queues, restarts, reports, the wall clock, reboots, and copies of bundles."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from edge_fer import bundle
from edge_fer.appliance.event import Kind
from edge_fer.appliance.status import Status
from edge_fer.appliance.supervision import bundles
from edge_fer.appliance.supervision.bundles import Accepted, Bundles, is_shipped, mark_of
from edge_fer.appliance.supervision.jumps import ClockJumps
from edge_fer.appliance.supervision.queues import LossyQueue
from edge_fer.appliance.supervision.reboots import Reboots
from edge_fer.appliance.supervision.reporter import Reporter
from edge_fer.appliance.supervision.restarts import Restarts
from edge_fer.clock import FakeClock

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Told:
    def __init__(self):
        self.clock = FakeClock(1000.0)
        self.status = Status(20.0, self.clock.now)
        self.events = []
        self.now = NOON
        self.reporter = Reporter(self.status, self.events.append, self.wall)

    def wall(self):
        return self.now


@pytest.fixture
def told():
    return Told()


# queues


def test_a_full_queue_drops_the_oldest_and_counts_it():
    queue = LossyQueue(2)
    assert [queue.put(number) for number in (1, 2, 3)] == [False, False, True]
    assert (queue.heads(1, 0), len(queue), queue.dropped) == ([2], 2, 1)
    queue.done([1])  # was dropped meanwhile
    assert queue.heads(5, 0) == [2, 3]
    queue.done([2, 2])
    assert queue.heads(5, 0) == [3]
    queue.done([1, 3])
    assert queue.heads(5, 0) == []


# restarts


def test_pauses_grow_and_are_short_again_after_a_calm_minute():
    clock = FakeClock()
    restarts = Restarts(clock)
    assert [restarts.failed() for _ in range(6)] == [0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
    clock.advance(61)
    assert restarts.failed() == 0.5
    restarts.failed()
    restarts.works()
    assert restarts.failed() == 0.5
    assert not restarts.too_many


def test_too_many_are_those_within_the_time():
    clock = FakeClock()
    restarts = Restarts(clock, most=3, within_s=60)
    for _ in range(3):
        clock.advance(31)
        restarts.failed()
    assert not restarts.too_many
    restarts.failed()
    restarts.failed()
    assert restarts.too_many


# reports


def test_a_part_that_fails_is_told_once_and_when_it_works_again(told, caplog):
    caplog.set_level(logging.WARNING, "edge_fer")
    told.reporter.works("camera")
    told.reporter.fails("camera", "gone")
    told.reporter.fails("camera", "still gone")
    assert told.status.as_dict()["parts"]["camera"]["fault"] == "still gone"
    told.reporter.works("camera")
    assert [(event.kind, event.subject, event.after, event.detail) for event in told.events] == [
        (Kind.HEALTH, "camera", "failing", {"fault": "gone"}),
        (Kind.HEALTH, "camera", "working", {}),
    ]
    assert told.status.as_dict()["counts"] == {"camera_faults": 1}
    assert [record.getMessage() for record in caplog.records] == ["camera: gone"]
    assert caplog.records[0].kind == "camera fails"


def test_nobody_is_told_the_password_of_an_address(told):
    told.reporter.fails("camera", "rtsp://me:geheim@camera/ is gone")
    told.reporter.restarted("camera", "rtsp://me:geheim@camera/ is gone")
    told.reporter.notice("camera", None, None, "rtsp://me:geheim@camera/ is gone")
    assert "geheim" not in str(told.events) + str(told.status.as_dict())


def test_a_notice_holds_its_words(told):
    told.reporter.notice("settings", None, "read", "they were read again", by="hand")
    (event,) = told.events
    assert (event.kind, event.time, event.detail) == (
        Kind.NOTICE, NOON, {"words": "they were read again", "by": "hand"}
    )  # fmt: skip


# the wall clock


@pytest.mark.parametrize(("by_s", "words"), [(3600, "forward by 3600.0 s"), (-86400, "back by 86400.0 s")])
def test_a_wall_clock_that_jumps_is_noticed_once(told, by_s, words):
    jumps = ClockJumps(told.wall, told.clock, told.reporter)
    jumps.tick()
    told.now += timedelta(seconds=by_s + 1)
    told.clock.advance(1)
    jumps.tick()
    jumps.tick()
    (event,) = told.events
    assert words in event.detail["words"]
    assert event.detail["by_s"] == by_s


def test_a_wall_clock_that_is_slewed_is_not(told):
    jumps = ClockJumps(told.wall, told.clock, told.reporter)
    for _ in range(100):
        jumps.tick()
        told.now += timedelta(seconds=1.1)
        told.clock.advance(1)
    assert told.events == []


# reboots


def test_the_machine_is_restarted_once_an_hour_at_most(tmp_path):
    assert Reboots(tmp_path / "state", lambda: 100.0).may()
    assert Reboots(tmp_path / "state").note(NOON)
    assert not Reboots(tmp_path / "state", lambda: 3599.0).may()
    assert Reboots(tmp_path / "state", lambda: 3600.0).may()


def test_without_a_memory_there_is_no_restart(tmp_path):
    (tmp_path / "state").write_text("a file")
    assert not Reboots(tmp_path / "state").note(NOON)


# bundles


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "model").write_bytes(b"model")
    return folder


def test_shipped_bundles_are_known_without_reading_them():
    assert set(map(is_shipped, bundle.shipped())) == {True}
    assert is_shipped(str(bundles.SHIPPED / "compact"))
    assert bundles.SHIPPED == bundle.SHIPPED_MODELS
    assert not is_shipped("/somewhere/compact")
    assert not is_shipped("nothing")
    assert not is_shipped(".")


def test_a_mark_changes_with_the_files(source):
    before = mark_of(source)
    assert mark_of(source) == before
    (source / "model").write_bytes(b"model2")
    assert mark_of(source) not in (before, None)
    assert mark_of(source / "none") is None


def test_a_copy_is_accepted_and_outlives_its_source(source, tmp_path):
    kept = Bundles(tmp_path / "kept")
    assert kept.accepted(source) is None
    copy = kept.copied(source)
    assert kept.copied(source) == copy
    kept.accept(Accepted(str(source), mark_of(source), copy))
    (source / "model").write_bytes(b"broken")
    other = kept.copied(source)
    assert other != copy
    known = Bundles(tmp_path / "kept").accepted(source)
    assert known.copy == copy
    assert (known.copy / "model").read_bytes() == b"model"
    assert kept.accepted(tmp_path) is None
    kept.accept(Accepted(str(source), mark_of(source), other))
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == sorted([other.name, "current.json"])


def test_a_zip_is_copied_as_one(tmp_path):
    (tmp_path / "mine.zip").write_bytes(b"zip")
    copy = Bundles(tmp_path / "kept").copied(tmp_path / "mine.zip")
    assert copy.suffix == ".zip"
    assert copy.read_bytes() == b"zip"


def test_what_is_no_bundle_is_not_copied(tmp_path, monkeypatch, source):
    monkeypatch.setattr(bundles, "MAX_BYTES", 3)
    with pytest.raises(OSError, match="which no bundle has"):
        Bundles(tmp_path / "kept").copied(source)
    monkeypatch.setattr(bundles, "MAX_FILES", 1)
    with pytest.raises(OSError, match="which no bundle does"):
        Bundles(tmp_path / "kept").copied(source)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_record_of_copies_that_leads_elsewhere_is_not_followed(source, tmp_path):
    kept = Bundles(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    (tmp_path / "evil").mkdir()
    record = {"source": str(source), "mark": "x", "copy": "../evil"}
    (tmp_path / "kept" / "current.json").write_text(json.dumps(record))
    assert kept.accepted(source) is None


def test_a_link_to_itself_is_no_bundle(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert not is_shipped(str(loop))
    assert mark_of(loop) is None
