"""Cut the power, in effect, while a program keeps events, and look whether every committed event is there.

    python benchmarks/appliance/power_cut.py --cuts 500 --json benchmarks/results/appliance/power_cut.json

strace records what a program that keeps events writes, and when it waits for the disk (fsync). From the record, the
files are made again as a cut at a random moment may leave them: what was waited for is there; of what was written
later, each 512-byte sector is there or not, by chance, and a file that was removed may be there again. Then the
database is opened as after a restart. All events that the program had printed as committed by then must be there, and
no other may be damaged.

Also counts the bytes that are written for each event. Needs strace (apt install strace).
"""

# ruff: noqa: T201, S311  (a script prints; what is random here is no secret)

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kill import event, integrity

from edge_fer import files
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store
from edge_fer.errors import EdgeFerError, MissingDependency

SECTOR: Final = 512
CALLS: Final = "pwrite64,write,fsync,fdatasync,ftruncate,unlink"
LINE: Final = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
OF_FILE: Final = re.compile(r'^(\d+)<([^>]*)>(?:, "((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?)?(?:, (\d+))?(?:, (\d+))?')
FOLDER: Final = "."
USUAL_MB: Final = EventSettings().max_mb
SMALL_MB: Final = 1.0
"""Size of the database, so small that the oldest events are removed and the log is emptied again and again."""


@dataclass(frozen=True)
class Write:
    """Bytes that were written to a file, or its new length."""

    path: str
    offset: int
    content: bytes
    truncates: bool = False


@dataclass(frozen=True)
class Removal:
    """A file was removed."""

    path: str


@dataclass(frozen=True)
class Sync:
    """The program waited until a file, or the names in a folder, were on the disk."""

    path: str


@dataclass(frozen=True)
class Told:
    """Ids that were printed as committed."""

    ids: tuple[int, ...]


Action = Write | Removal | Sync | Told


def record(folder: Path, batches: list[int], max_mb: float) -> list[Action]:
    """Let a child keep *batches* of events in *folder* and return what it did, in order."""
    strace = shutil.which("strace")
    if strace is None:
        raise MissingDependency("strace is not installed: apt install strace")
    trace = folder.with_name(f"{folder.name}.trace")
    child = [sys.executable, __file__, "--child", str(folder / "events.db"), "--batches", json.dumps(batches)]
    child += ["--max-mb", str(max_mb)]
    command = [strace, "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(trace)]
    subprocess.run([*command, *child], stdout=subprocess.DEVNULL, check=True)
    done: list[Action] = []
    with trace.open() as lines:
        for line in lines:
            action = _action(line, folder)
            if action is not None:
                done.append(action)
    trace.unlink()
    return done


def _action(line: str, folder: Path) -> Action | None:
    """Return what *line* of strace says about files in *folder*, or stdout."""
    call = LINE.match(line)
    if call is None or call[3].startswith("-"):
        return None
    name, arguments = call[1], call[2]
    if name == "unlink":
        path = Path(_text(arguments[1:-1]))
        return Removal(path.name) if path.parent == folder and not path.name.endswith("-shm") else None
    of_file = OF_FILE.match(arguments)
    if of_file is None:
        return None
    descriptor, hexed, content, first, second = of_file.groups()
    data = bytes.fromhex((content or "").replace("\\x", ""))
    if name == "write":
        return Told(tuple(json.loads(data)["ids"])) if descriptor == "1" else None
    path = Path(_text(hexed))
    if path == folder:
        return Sync(FOLDER)
    if path.parent != folder or path.name.endswith("-shm"):
        return None
    if name in {"fsync", "fdatasync"}:
        return Sync(path.name)
    if name == "ftruncate":
        return Write(path.name, int(first), b"", truncates=True)
    return Write(path.name, int(second), data)


def _text(hexed: str) -> str:
    return bytes.fromhex(hexed.replace("\\x", "")).decode() if hexed.startswith("\\x") else hexed


class Disk:
    """Files as they are on the disk, and what has been written to them since and may not be there yet."""

    def __init__(self) -> None:
        self._safe: dict[str, bytearray] = {}
        self._later: dict[str, list[Write]] = {}
        self._removed: dict[str, bytearray] = {}

    def do(self, action: Action) -> None:
        """Go on by one action."""
        if isinstance(action, Write):
            self._later.setdefault(action.path, []).append(action)
        elif isinstance(action, Removal):
            self._removed[action.path] = self._safe.pop(action.path, bytearray())
            self._later.pop(action.path, None)
        elif isinstance(action, Sync) and action.path == FOLDER:
            self._removed.clear()
        elif isinstance(action, Sync):
            for write in self._later.pop(action.path, []):
                _apply(self._safe.setdefault(action.path, bytearray()), write, None)

    def cut(self, folder: Path, chance: random.Random) -> int:
        """Write to *folder* what a power cut leaves. Return how many writes were not safe."""
        unsafe = 0
        for name, removed in self._removed.items():
            if chance.random() < 0.5:
                (folder / name).write_bytes(removed)
        for name in self._safe.keys() | self._later.keys():
            content = bytearray(self._safe.get(name, b""))
            for write in self._later.get(name, []):
                _apply(content, write, chance)
                unsafe += 1
            (folder / name).write_bytes(content)
        return unsafe


def _apply(content: bytearray, write: Write, chance: random.Random | None) -> None:
    """Write all of *write* into *content*; with *chance*, only some of its sectors, or none."""
    share = 1.0 if chance is None else chance.choice([0.0, 0.5, 1.0])
    if write.truncates:
        if chance is None or chance.random() < share:
            del content[write.offset :]
            content.extend(bytes(write.offset - len(content)))
        return
    for begin in range(0, len(write.content), SECTOR):
        if chance is not None and chance.random() >= share:
            continue
        part = write.content[begin : begin + SECTOR]
        offset = write.offset + begin
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(part)] = part


def check(folder: Path, told: list[int]) -> dict[str, Any]:
    """Open the database as after a restart and look for all events that were *told*."""
    path = folder / "events.db"
    store = Store(path, EventSettings(path=path, max_mb=SMALL_MB))
    events = dict(store.since(None, sys.maxsize))
    damaged = 0
    for number, each in events.items():
        if each.subject != f"track {number}" or each.detail != event(number).detail:
            damaged += 1
    first = min(events, default=1)
    missing = sum(number not in events for number in told if number >= first)
    if told and not events:
        missing = len(told)
    gaps = 0 if not events else max(events) - first + 1 - len(events)
    answer = {"replaced": store.replaced, "missing": missing, "damaged": damaged, "gaps": gaps, "events": len(events)}
    after = store.append(event(max(events, default=0) + 1))
    store.close()
    return {**answer, "goes_on": after == max(events, default=0) + 1, "integrity": integrity(path)}


def cuts(actions: list[Action], count: int, seed: int) -> list[dict[str, Any]]:
    """Cut the power after *count* of *actions*, chosen by chance, and return what is left each time."""
    chance = random.Random(seed)
    moments = sorted(chance.choices(range(1, len(actions) + 1), k=count))
    disk = Disk()
    told: list[int] = []
    done = 0
    left = []
    for moment in moments:
        for action in actions[done:moment]:
            disk.do(action)
            if isinstance(action, Told):
                told += action.ids
        done = moment
        with tempfile.TemporaryDirectory() as folder:
            unsafe = disk.cut(Path(folder), chance)
            left.append({"after": moment, "unsafe_writes": unsafe, "told": len(told), **check(Path(folder), told)})
    return left


def is_whole(cut: dict[str, Any]) -> bool:
    """Return whether nothing was lost by *cut*."""
    lost = cut["missing"] + cut["damaged"] + cut["gaps"] + cut["replaced"]
    return bool(lost == 0 and cut["goes_on"] and cut["integrity"] == "ok")


def cost(batch: int, count: int) -> dict[str, Any]:
    """Return how many bytes are written, and how often the disk is waited for, for *count* events in batches."""
    with tempfile.TemporaryDirectory() as folder:
        few = record(Path(folder), [batch], USUAL_MB)
    with tempfile.TemporaryDirectory() as folder:
        actions = record(Path(folder), [batch] * (1 + count // batch), USUAL_MB)
    written = _bytes(actions) - _bytes(few)
    syncs = sum(isinstance(action, Sync) for action in actions) - sum(isinstance(action, Sync) for action in few)
    kept = count // batch * batch
    return {"batch": batch, "events": kept, "bytes": written, "bytes_an_event": round(written / kept), "syncs": syncs}


def _bytes(actions: list[Action]) -> int:
    return sum(len(action.content) for action in actions if isinstance(action, Write))


def keep(path: Path, batches: list[int], max_mb: float) -> None:
    """Keep *batches* of events at *path*, and print the ids of each once they are committed."""
    store = Store(path, EventSettings(path=path, max_mb=max_mb))
    number = 1
    for batch in batches:
        ids = store.append_many(event(number + index) for index in range(batch))
        number += batch
        # In one call, whether Python buffers or not.
        os.write(1, json.dumps({"ids": ids}).encode())
    # Without closing, as at a power cut.


def main() -> None:
    """Read the options, record, cut, print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=500, help="how often the power is cut")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--batches", help=argparse.SUPPRESS)
    parser.add_argument("--max-mb", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        keep(options.child, json.loads(options.batches), options.max_mb)
        return
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        actions = record(Path(folder), [chance.choice([1, 1, 2, 5, 20, 60]) for _ in range(400)], SMALL_MB)
    costs = [cost(1, 2000), cost(10, 2000)]
    left = cuts(actions, options.cuts, options.seed)
    if options.json is not None:
        command = shlex.join(["python", "benchmarks/appliance/power_cut.py", *sys.argv[1:]])
        result = {"command": command, "sqlite": sqlite3.sqlite_version, "costs": costs, "cuts": left}
        files.write(options.json, json.dumps(result) + "\n")
    bad = [cut for cut in left if not is_whole(cut)]
    print(f"{len(left)} cuts among {len(actions)} actions, {len(bad)} after which something was missing")
    for each in costs:
        print(f"batches of {each['batch']}: {each['bytes_an_event']} bytes written for an event")
    for cut in bad:
        print(json.dumps(cut))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    try:
        main()
    except EdgeFerError as exc:
        print(f"{Path(__file__).name}: {exc}", file=sys.stderr)
        sys.exit(exc.exit_code)
