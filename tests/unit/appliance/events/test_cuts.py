"""What a power cut, or SIGKILL, leaves of the database. ``benchmarks/appliance`` does the same hundreds of times."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store

SCRIPT = Path(__file__).parents[4] / "benchmarks" / "appliance" / "kill.py"
PAGE = 4096
FRAME = 24 + PAGE
"""A page in the log, with its head."""


def event(number):
    return Event(datetime(2026, 1, 1, tzinfo=UTC), Kind.FACE, f"track {number}", None, "happy", {"n": "x" * 500})


def keep(path, batches):
    """Keep batches of events, and return the length of the log after each commit, with the number of events by then."""
    store = Store(path, EventSettings())
    log = path.with_name(f"{path.name}-wal")
    commits = [(log.stat().st_size, 0)]
    number = 0
    for batch in batches:
        store.append_many(event(number + index) for index in range(batch))
        number += batch
        commits.append((log.stat().st_size, number))
    return store, commits


def opened(path):
    """Open the database as after a restart; return what it holds and how many databases were moved aside."""
    store = Store(path, EventSettings())
    events = [each.subject for _, each in store.since(None, 100_000)]
    assert store.append(event(len(events))) == len(events) + 1
    store.close()
    return events, store.replaced


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A database with a log of many commits: its folder, and the commits."""
    folder = tmp_path_factory.mktemp("kept")
    store, commits = keep(folder / "events.db", [1, 1, 3, 20, 1, 40, 2, 1])
    yield folder, commits
    store.close()


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_a_log_that_ends_anywhere_gives_all_events_that_were_committed_by_then(kept, data):
    source, commits = kept
    log = (source / "events.db-wal").read_bytes()
    length = data.draw(st.integers(0, len(log)))
    # Of what was written but not waited for, anything may be there.
    garbage = data.draw(st.sampled_from([b"", b"\0" * PAGE, b"\xa5" * 3 * FRAME, log[FRAME : 3 * FRAME]]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(source / "events.db", folder)
        (folder / "events.db-wal").write_bytes(log[:length] + garbage)
        events, replaced = opened(folder / "events.db")
    committed = max((number for size, number in commits if size <= length), default=0)
    assert replaced == 0
    assert events[:committed] == [f"track {number}" for number in range(committed)]
    # A commit is there as a whole, or not at all.
    assert len(events) in {0, *(number for _, number in commits)}


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_moving_the_log_into_the_database_may_end_anywhere(kept, data):
    source, commits = kept
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = (source / "events.db").read_bytes()
        for suffix in ("", "-wal"):
            shutil.copy(source / f"events.db{suffix}", folder / f"events.db{suffix}")
        log = (folder / "events.db-wal").read_bytes()
        store = Store(folder / "events.db", EventSettings())
        store.close()
        after = (folder / "events.db").read_bytes()
        # Each page of the database is as before, as after, half of it, or nonsense: all are in the log.
        pages = []
        for offset in range(0, len(after), PAGE):
            old = before[offset : offset + PAGE].ljust(PAGE, b"\0")
            new = after[offset : offset + PAGE]
            states = [old, new, new[: PAGE // 2] + old[PAGE // 2 :]]
            # The first page also says what the file is, before the log is read.
            pages.append(data.draw(st.sampled_from(states if offset == 0 else [*states, b"\xa5" * PAGE])))
        (folder / "events.db").write_bytes(b"".join(pages))
        (folder / "events.db-wal").write_bytes(log)
        (folder / "events.db-shm").unlink(missing_ok=True)
        events, replaced = opened(folder / "events.db")
    assert replaced == 0
    assert events == [f"track {number}" for number in range(commits[-1][1])]


def killed(series, number, moment, pause_s):
    """As the script's, in a fork of this process, which is there at once."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(sender, 1)
        sys.stdout = os.fdopen(1, "w")
        try:
            sys.modules["kill"].keep(series.path, series.max_mb, number)
        finally:
            os._exit(1)
    os.close(sender)
    with os.fdopen(receiver) as stdout:
        lines = [stdout.readline(), stdout.readline()] if moment == "event" else []
        time.sleep(pause_s)
        os.kill(child, signal.SIGKILL)
        lines += stdout.readlines()
    os.waitpid(child, 0)
    return [json.loads(line) for line in lines if line.endswith("\n")]


@pytest.mark.skipif(not SCRIPT.is_file(), reason="the scripts are not part of the wheel")
def test_ten_kills_lose_nothing(monkeypatch):
    spec = spec_from_file_location("kill", SCRIPT)
    kill = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kill", kill)
    spec.loader.exec_module(kill)
    monkeypatch.setattr(kill, "PAUSE_S", (0.0, 0.1))
    monkeypatch.setattr(kill, "START_S", (0.0, 0.1))
    monkeypatch.setattr(kill.Series, "_killed", killed)
    kills = kill.measure(10, 5)
    assert [kill.is_whole(each) for each in kills] == [True] * 10
    assert sum(each["committed"] for each in kills) > 10
