from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from edge_fer.appliance.event import Kind
from edge_fer.appliance.events.reader import Reader
from edge_fer.appliance.events.schema import Wanted, in_chunks
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store
from edge_fer.errors import BadInput, SinkError

#: Keeps three events at the path of its argument, says so, and never ends.
WRITER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store
store = Store(Path(sys.argv[1]), EventSettings())
for number in range(3):
    store.append(Event(datetime.now(UTC), Kind.FACE, f"track {number}", None, "unknown"))
print("kept", flush=True)
time.sleep(60)
"""


def ids(path):
    return [number for number, _ in Reader(path).since(None)]


def contents(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_what_is_being_written_is_read_and_nothing_is_changed(open_store, event, path):
    store = open_store()
    for number in range(5):
        store.append(event(number))
        before = contents(path.parent)
        before.pop("events.db-shm")  # holds which reader reads what
        assert ids(path) == list(range(1, number + 2))
        after = contents(path.parent)
        after.pop("events.db-shm")
        assert after == before


def test_what_is_not_being_written_is_read_without_a_file_beside_it(open_store, event, path):
    store = open_store()
    store.append(event(1))
    store.close()
    before = contents(path.parent)
    assert ids(path) == [1]
    assert contents(path.parent) == before
    assert list(before) == ["events.db"]


def test_the_log_of_a_writer_who_was_killed_is_read(open_store, event, path, tmp_path):
    store = open_store()
    store.append_many([event(1), event(2)])
    other = tmp_path / "other"
    other.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(path.with_name(path.name + suffix), other)
    before = contents(other)
    assert ids(other / "events.db") == [1, 2]
    assert contents(other) == before


def test_reading_waits_for_nobody_who_writes(open_store, event, path):
    store = open_store()
    store.append(event(1))
    connection = store._opened()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM event")
    assert ids(path) == [1]
    connection.execute("ROLLBACK")


def test_writing_waits_for_nobody_who_reads(open_store, event, path):
    store = open_store()
    store.append_many(event(number) for number in range(1000))
    reading = Reader(path).since(None)
    next(reading)
    assert store.append(event(5)) == 1001
    assert store._opened().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert len(list(reading)) == 1000, "also what has come since it began"


def test_a_reader_lives_through_a_writer_who_comes_goes_and_begins_anew(open_store, event, path):
    reader = Reader(path)
    store = open_store()
    assert reader.newest_id() == 0
    store.append_many([event(1), event(2), event(3)])
    assert reader.newest_id() == 3
    store.close()
    assert reader.newest_id() == 3
    path.write_bytes(b"damaged" * 1000)
    store = open_store()
    assert reader.newest_id() == 1
    assert [each["kind"] for each in reader.listed(3, 10)] == [Kind.NOTICE]


def test_only_what_is_wanted_is_read(open_store, event, path):
    store = open_store()
    store.append_many(event(number, kind=Kind.ALERT if number % 3 == 0 else Kind.FACE) for number in range(12))
    wanted = Wanted(since=event(3).time, until=event(9).time, kinds=(Kind.FACE,))
    reader = Reader(path)
    assert [number for number, _ in reader.select(wanted, 10)] == [5, 6, 8, 9]
    assert [number for number, _ in reader.select(reader.newest(wanted, 2), 10)] == [8, 9]
    assert [number for number, _ in reader.select(reader.newest(wanted, 100), 100)] == [5, 6, 8, 9]
    assert [number for number, _ in in_chunks(reader.select, Wanted(after=10), None)] == [11, 12]
    assert [number for number, _ in reader.since(event(9).time, 2)] == [10, 11]


def test_the_page_is_given_the_newest_and_then_what_is_new(open_store, event, path):
    store = open_store()
    reader = Reader(path)
    assert reader.listed(None, 10) == []
    store.append_many(event(number) for number in range(5))
    assert [each["id"] for each in reader.listed(None, 2)] == [4, 5]
    assert reader.listed(5, 10) == []
    store.append(event(7))
    assert reader.listed(5, 10) == [{"id": 6, **event(7).as_dict()}]


def test_no_database_is_one_clear_line(path):
    with pytest.raises(BadInput, match=r"there are no events at .*events\.db"):
        Reader(path).newest_id()


def test_a_damaged_database_and_another_file_are_one_clear_line(path):
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(BadInput, match="is damaged: file is not a database"):
        Reader(path).newest_id()


def test_an_empty_file_holds_no_events(path):
    path.touch()
    assert Reader(path).newest_id() == 0


def test_many_threads_read_while_one_writes(open_store, event, path):
    store = open_store(max_mb=1)
    store.append(event(0))
    done = threading.Event()
    faults = []

    def read():
        reader = Reader(path)
        last = 0
        while not done.is_set():
            try:
                newest = reader.newest_id()
                assert newest >= last
                last = newest
            except Exception as exc:  # noqa: BLE001 (for the main thread)
                faults.append(exc)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(150):
        store.append(event(number, detail={"filler": "x" * 3000}))
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.fixture
def writer(path):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"kept\n"
        yield process
        process.kill()


def read_as_nobody(path):
    """The ids, as a user of the file's group reads them who owns nothing."""
    receiver, sender = os.pipe()
    child = os.fork()  # not another Python, which may lie where only we can reach it
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(path.stat().st_gid)
            os.setuid(pwd.getpwnam("nobody").pw_uid)
            os.write(sender, repr(ids(path)).encode())
        except BaseException as exc:  # noqa: BLE001 (a child of a test must end here)
            os.write(sender, repr(exc).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_group_reads_while_it_is_written_and_later(event):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "events.db"
        store = Store(path, EventSettings())
        store.append_many([event(1), event(2)])
        names = set(contents(folder))
        assert read_as_nobody(path) == "[1, 2]"
        # As when the writer was killed: the log stays, and nobody shares it.
        kept = contents(folder)
        store.close()
        for each, content in kept.items():
            (folder / each).write_bytes(content)
            (folder / each).chmod(0o640)
        assert read_as_nobody(path) == "[1, 2]"
        (folder / "events.db-shm").unlink()
        assert read_as_nobody(path) == "[1, 2]"
        assert set(contents(folder)) == names - {"events.db-shm"}
        path.chmod(0o600)
        assert "cannot be read" in read_as_nobody(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_disk_that_is_read_only_after_a_power_cut_is_read(path, writer, tmp_path):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    path.with_name("events.db-shm").unlink()
    mount = tmp_path / "mounted"
    mount.mkdir()
    if subprocess.run(["mount", "--bind", tmp_path, mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("this container may not mount")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", mount], check=True)
        assert ids(mount / "events.db") == [1, 2, 3]
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def test_a_link_to_itself_holds_no_events(path):
    path.symlink_to(path)
    with pytest.raises(BadInput, match="there are no events"):
        ids(path)
    with pytest.raises(SinkError, match="cannot be opened"):
        Store(path, EventSettings())
