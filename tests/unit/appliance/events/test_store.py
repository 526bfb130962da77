from __future__ import annotations

import contextlib
import math
import os
import shutil
import sqlite3
import subprocess
import threading
from datetime import datetime, timedelta, timezone

import pytest

from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.events import schema
from edge_fer.appliance.events import store as module
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store
from edge_fer.errors import BadInput, SinkError


def kept(store):
    return dict(store.since(None, 10_000))


def filler(event, number, size=5000):
    return event(number, detail={"filler": "x" * size})


def test_events_are_kept_in_the_order_in_which_they_came(open_store, event):
    store = open_store()
    ids = [store.append(event(5)), *store.append_many([event(1), event(9)])]
    assert ids == [1, 2, 3]
    assert list(store.since(None, 10)) == [(1, event(5)), (2, event(1)), (3, event(9))]


def test_nothing_is_kept_of_no_events(open_store):
    assert open_store().append_many([]) == []


def test_events_outlive_the_store(open_store, event):
    first = open_store()
    first.append(event(1, detail={"scores": {"happy": 0.5}, "words": "Grüße"}))
    first.close()
    first.close()
    assert kept(open_store()) == {1: event(1, detail={"scores": {"happy": 0.5}, "words": "Grüße"})}


def test_a_closed_store_says_so(open_store, event):
    store = open_store()
    store.close()
    with pytest.raises(SinkError, match="is closed"):
        store.append(event())


def test_since_takes_an_id_or_a_time(open_store, event):
    store = open_store()
    store.append_many(event(number) for number in range(6))
    assert [number for number, _ in store.since(4, 10)] == [5, 6]
    assert [number for number, _ in store.since(event(4).time, 10)] == [5, 6]
    assert [number for number, _ in store.since(2, 3)] == [3, 4, 5]
    assert list(store.since(6, 10)) == []


def test_more_events_than_are_read_at_a_time(open_store, event, monkeypatch):
    monkeypatch.setattr(schema, "CHUNK", 7)
    store = open_store()
    store.append_many(event(number) for number in range(30))
    assert [number for number, _ in store.since(None, 25)] == list(range(1, 26))
    assert len(list(store.since(None, 1000))) == 30


def test_times_are_kept_as_told_to_the_millisecond(open_store, event):
    store = open_store()
    time = datetime(2026, 3, 29, 2, 59, 59, 999_999, timezone(timedelta(hours=1)))
    store.append_many([event(time=time), event(time=datetime(1969, 1, 1, tzinfo=time.tzinfo))])
    events = kept(store)
    assert events[1].time == datetime(2026, 3, 29, 2, 59, 59, 999_000, time.tzinfo)
    assert events[2].time == datetime(1969, 1, 1, tzinfo=time.tzinfo)


@pytest.mark.parametrize(
    ("detail", "read"),
    [
        ({"score": math.nan, "all": [math.inf, 1.5]}, {"score": None, "all": [None, 1.5]}),
        ({"when": datetime(2026, 1, 1)}, {"when": "datetime"}),  # noqa: DTZ001
        ({"name": "\ud800"}, {"name": "\ud800"}),
        ({1: {"a": (1, True)}}, {"1": {"a": [1, True]}}),
    ],
)
def test_any_detail_can_be_kept(open_store, event, detail, read):
    store = open_store()
    store.append(event(detail=detail))
    assert kept(store)[1].detail == read


def test_a_time_without_a_zone_is_in_utc(open_store, event):
    store = open_store()
    store.append(event(time=event(5).time.replace(tzinfo=None)))
    assert kept(store)[1].time == event(5).time


def test_a_detail_without_end_and_a_long_one_are_shortened(open_store, event):
    endless: dict = {}
    endless["self"] = endless
    store = open_store()
    store.append_many([event(detail=endless), event(detail={"words": "x" * 1_000_000}, subject="y" * 1_000_000)])
    first, second = kept(store).values()
    assert "self" in first.detail
    assert len(second.detail["shortened"]) < 10_000
    assert len(second.subject) == 500


def test_a_subject_that_is_no_unicode_can_be_kept(open_store, event):
    store = open_store()
    store.append(event(subject="caf\udce9"))
    assert kept(store)[1].subject == "caf?"


def test_the_file_is_not_for_everybody(open_store, path):
    open_store()
    assert path.stat().st_mode & 0o777 == 0o640


def test_each_commit_waits_for_the_disk_and_the_log_is_one(open_store, path):
    store = open_store()
    assert store._opened().execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert store._opened().execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._opened().execute("PRAGMA auto_vacuum").fetchone() == (2,)  # INCREMENTAL


def test_an_older_format_is_brought_up_to_date(open_store, event, path, monkeypatch):
    store = open_store()
    store.append(event(1))
    store.close()
    newer = (*schema.MIGRATIONS, "ALTER TABLE event ADD COLUMN place TEXT")
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    monkeypatch.setattr(schema, "FORMAT", 2)
    again = open_store()
    assert kept(again) == {1: event(1)}
    assert again.append(event(2)) == 2
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT id, place FROM event").fetchall() == [(1, None), (2, None)]


def test_a_migration_that_fails_leaves_the_format_as_it_was(open_store, event, path, monkeypatch):
    store = open_store()
    store.append(event(1))
    store.close()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE event (id)"))
        patched.setattr(schema, "FORMAT", 2)
        with pytest.raises(SinkError):
            open_store()
    assert kept(open_store()) == {1: event(1)}


def test_a_newer_format_is_refused_and_left_alone(open_store, path):
    open_store().close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r"newer edge-fer \(format 7\); this one reads up to 1: update"):
        open_store()
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(open_store, path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(BadInput, match="another program"):
        open_store()
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b"\0" * 8192], ids=["text", "zeros"])
def test_what_is_no_database_is_moved_aside(open_store, event, path, content):
    path.write_bytes(content)
    store = open_store()
    assert store.replaced == 1
    (notice,) = kept(store).values()
    assert (notice.kind, notice.subject, notice.after) == (Kind.NOTICE, "events", "begun anew")
    assert notice.detail["kept_as"] == "events.damaged-20261130T120000Z.db"
    assert (path.parent / notice.detail["kept_as"]).read_bytes() == content
    assert store.append(event(1)) == 2


def spoil(path, page):
    content = bytearray(path.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def test_a_damaged_database_is_found_when_it_is_opened(open_store, event, path):
    store = open_store()
    store.append_many(event(number) for number in range(300))
    store.close()
    spoil(path, 5)
    store = open_store()
    assert store.replaced == 1
    assert [each.kind for each in kept(store).values()] == [Kind.NOTICE]


def test_a_database_that_is_damaged_while_it_is_used_is_replaced(open_store, event, path):
    store = open_store()
    store.append_many(event(number) for number in range(300))
    store._opened().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for page in range(1, path.stat().st_size // 4096):
        spoil(path, page)
    store._opened().execute("PRAGMA shrink_memory")  # else it goes on with the pages that it has in memory
    assert store.append(event(301)) == 2
    assert store.replaced == 1
    assert [each.kind for each in kept(store).values()] == [Kind.NOTICE, Kind.FACE]


def test_only_the_newest_damaged_databases_are_kept(open_store, path, hands):
    for number in range(5):
        path.write_bytes(b"damaged" * 1000 + bytes([number]))
        hands.advance(60)
        open_store(keep_damaged=2).close()
    moved = sorted(path.parent.glob("events.damaged-*"))
    assert [each.read_bytes()[-1] for each in moved] == [3, 4]


def test_two_damaged_databases_in_one_second_are_both_kept(open_store, path):
    for number in range(2):
        path.write_bytes(b"damaged" * 1000 + bytes([number]))
        open_store(keep_damaged=5).close()
    assert len(list(path.parent.glob("events.damaged-*.db"))) == 2


def test_no_damaged_database_is_kept_if_none_is_wanted(open_store, path):
    path.write_bytes(b"damaged" * 1000)
    store = open_store(keep_damaged=0)
    assert kept(store)[1].detail["kept_as"] is None
    assert not list(path.parent.glob("events.damaged-*"))


def test_the_log_of_a_database_that_is_gone_is_not_taken_for_the_new_one(open_store, event, path):
    store = open_store()
    store.append(event(1))
    shutil.copy(path.with_name("events.db-wal"), path.parent / "kept")
    store.close()
    path.unlink()
    shutil.move(path.parent / "kept", path.with_name("events.db-wal"))
    assert kept(open_store()) == {}


def test_a_file_that_is_removed_while_it_is_used_is_begun_anew(open_store, event, path):
    store = open_store()
    store.append(event(1))
    path.unlink()
    assert store.append(event(2)) == 1
    assert list(kept(open_store()).values()) == [event(2)]


def test_the_oldest_go_first_when_it_is_too_large(open_store, event, path):
    store = open_store(max_mb=1)
    for number in range(200):
        store.append_many(filler(event, number * 5 + index) for index in range(5))
    ids = list(kept(store))
    assert ids == list(range(ids[0], 1001))
    assert 80 < len(ids) < 250
    store.close()
    assert path.stat().st_size <= 1e6


def test_the_log_stays_small(open_store, event, path):
    store = open_store(max_mb=1)
    for number in range(300):
        store.append(filler(event, number))
        assert path.with_name("events.db-wal").stat().st_size < 1e6


def test_a_smaller_limit_makes_the_file_smaller(open_store, event, path):
    store = open_store(max_mb=20)
    store.append_many(filler(event, number) for number in range(2000))
    store.close()
    assert path.stat().st_size > 8e6
    store = open_store(max_mb=2)
    removed = sum(store.prune() for _ in range(3))
    for _ in range(20):
        store.prune()
    store.close()
    assert removed > 1000
    assert path.stat().st_size < 3e6
    assert max(kept(open_store(max_mb=2))) == 2000


def test_a_reader_who_never_ends_does_not_fill_the_disk(open_store, event, path):
    store = open_store(max_mb=1)
    store.append(event(1))
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM event").fetchall()

    def flood():
        for number in range(2000):
            store.append(filler(event, number))

    with pytest.raises(SinkError, match="end that program"):
        flood()
    assert path.with_name("events.db-wal").stat().st_size < 4e6
    reader.close()
    assert store.append(event(2)) > 1


def test_events_are_removed_after_their_days(open_store, event, hands):
    store = open_store(keep_days=2)
    store.append_many([event(0), event(86_400)])
    hands.advance(2 * 86_400 + 60)
    assert store.prune() == 1
    assert list(kept(store)) == [2]


def test_the_newest_event_stays_so_that_no_id_is_given_twice(open_store, event, hands):
    store = open_store(keep_days=2)
    store.append_many([event(0), event(1)])
    hands.advance(30 * 86_400)
    assert store.prune() == 1
    assert store.append(event(2)) == 3


def test_a_clock_that_jumps_removes_nothing(open_store, event, hands):
    store = open_store(keep_days=2)
    store.append_many([event(0), event(1), event(2)])
    hands.advance(3600)
    hands.time += timedelta(days=10_000)
    assert store.prune() == 0
    hands.advance(300)
    assert store.prune() == 0
    hands.time -= timedelta(days=10_000)
    assert store.prune() == 0
    hands.advance(3600)
    assert store.prune() == 0
    assert list(kept(store)) == [1, 2, 3]


def test_nothing_is_removed_for_its_age_before_the_clock_was_right_for_a_while(open_store, event, hands):
    store = open_store(keep_days=2)
    store.append_many([event(-10 * 86_400), event(0)])
    hands.advance(60)
    assert store.prune() == 0
    hands.advance(600)
    assert store.prune() == 1


def test_events_of_a_far_future_are_removed_when_the_clock_is_right(open_store, event, hands):
    store = open_store(keep_days=2)
    store.append_many([event(3_000_000), event(0)])
    hands.advance(3600)
    assert store.prune() == 1
    assert list(kept(store)) == [2]


def test_many_old_events_are_removed_in_small_steps(open_store, event, hands):
    store = open_store(keep_days=2)
    store.append_many(event(number) for number in range(1000))
    hands.advance(10 * 86_400)
    assert store.prune() == 999


def test_a_full_database_raises_and_works_again_when_there_is_room(open_store, event):
    store = open_store()
    store.append(event(1))
    pages = store._opened().execute("PRAGMA page_count").fetchone()[0]
    store._opened().execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SinkError, match=r"cannot be written: .*full; make room"):
        store.append_many(filler(event, number) for number in range(10))
    # The limit was that of the connection, which is opened again.
    assert store.append(event(2)) == 2
    assert kept(store) == {1: event(1), 2: event(2)}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path):
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_no_reason_to_check_the_database_again_and_again(open_store, event, monkeypatch):
    checks = []
    monkeypatch.setattr(module, "_check", checks.append)
    store = open_store()
    for _ in range(3):
        pages = store._opened().execute("PRAGMA page_count").fetchone()[0]
        store._opened().execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(SinkError):
            store.append_many(filler(event, number) for number in range(10))
    assert len(checks) == 1


def test_a_full_disk_raises_and_loses_nothing(open_store, event, small_disk):
    store = open_store(small_disk / "events.db")
    ids = [store.append(event(number)) for number in range(20)]
    ballast = small_disk / "ballast"
    fill(ballast)

    def flood():
        for number in range(20, 1000):
            ids.append(store.append(filler(event, number)))  # noqa: PERF401 (one after the other)

    with pytest.raises(SinkError, match=r"make room|is the disk full"):
        flood()
    with pytest.raises(SinkError):
        store.append_many(filler(event, number) for number in range(100))
    ballast.unlink()
    ids.append(store.append(event(2000)))
    assert list(kept(store)) == ids
    store.close()
    again = open_store(small_disk / "events.db")
    assert list(kept(again)) == ids
    assert again.replaced == 0


def test_a_place_that_cannot_be_written_is_a_sink_error(open_store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be opened"):
        open_store(tmp_path / "file" / "events.db")


def test_a_pipe_and_a_folder_are_refused_at_once(open_store, path):
    os.mkfifo(path)
    with pytest.raises(BadInput, match="is no file"):
        open_store()
    path.unlink()
    path.mkdir()
    with pytest.raises(SinkError, match="cannot be opened"):
        open_store()


def test_many_threads_may_append(open_store):
    store = open_store()
    ids = []

    def append(name):
        for number in range(20):
            time = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
            ids.append(store.append(Event(time, Kind.FACE, f"{name} {number}", None, "happy")))

    threads = [threading.Thread(target=append, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == list(range(1, 61))
    assert len({event.subject for event in kept(store).values()}) == 60


def test_a_row_that_lost_its_sense_is_told_and_the_others_are_read(open_store, event, path):
    store = open_store()
    store.append_many([event(1), event(2)])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE event SET kind = 'fa\x01e', detail = '{' WHERE id = 1")
    connection.close()
    events = kept(store)
    assert events[1].kind is Kind.NOTICE
    assert events[1].detail == {"damaged": "{"}
    assert events[2] == event(2)


def test_the_name_must_end_in_db():
    with pytest.raises(ValueError, match=r"end in \.db"):
        EventSettings(path="/etc/passwd")


def test_the_store_takes_any_path(tmp_path, event):
    store = Store(tmp_path / "deep" / "er" / "what? #1%20.db", EventSettings())
    assert store.append(event(1)) == 1
    store.close()
