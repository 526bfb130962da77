"""Kill a program that keeps events (SIGKILL), again and again, and look whether every committed event is there.

    python benchmarks/appliance/kill.py --times 200 --json benchmarks/results/appliance/kill.json

A child keeps events in a database, alone and in batches, and prints the id of each once it is committed. It is killed
at a random moment: some time after its first event, or while it starts. Then the database is checked, and each event
that was printed in any run is looked for. The next child goes on with the same database. Every second child has a
database that is full, so that it also removes the oldest events all the time; there, what is left must have no gap.
"""

# ruff: noqa: T201, S311  (a script prints; what is random here is no secret)

from __future__ import annotations

import argparse
import json
import random
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edge_fer import files
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.events.reader import Reader
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.events.store import Store
from edge_fer.errors import EdgeFerError

PAUSE_S: Final = (0.0, 0.5)
"""How long after its first event a child is killed."""
START_S: Final = (0.0, 1.0)
"""How long after its start every fifth child is killed instead."""
LARGEST_BATCH: Final = 8
ROOMY_MB: Final = 1000.0
FULL_MB: Final = 1.0
LABELS: Final = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def event(number: int) -> Event:
    """Return an event like those of a face; its subject has *number*."""
    chance = random.Random(number)
    scores = {label: round(chance.random(), 3) for label in LABELS}
    detail = {"lasted_s": round(chance.uniform(1, 100), 1), "scores": scores}
    return Event(datetime.now(UTC), Kind.FACE, f"track {number}", "unknown", "happy", detail)


def keep(path: Path, max_mb: float, seed: int) -> None:
    """Keep events at *path* for ever, and print a line of JSON for each commit: its ids and the events' subjects."""
    chance = random.Random(seed)
    store = Store(path, EventSettings(path=path, max_mb=max_mb))
    print(json.dumps({"replaced": store.replaced}), flush=True)
    number = seed * 1_000_000
    while True:
        count = chance.randint(1, LARGEST_BATCH)
        events = [event(number + index) for index in range(count)]
        ids = [store.append(events[0])] if count == 1 else store.append_many(events)
        number += count
        print(json.dumps({"ids": ids, "subjects": [each.subject for each in events]}), flush=True)
        if chance.random() < 0.02:
            store.prune()


class Series:
    """One database, through all kills."""

    def __init__(self, path: Path, max_mb: float) -> None:
        self.path = path
        self.max_mb = max_mb
        self._committed: dict[int, str] = {}

    def kill(self, number: int, chance: random.Random) -> dict[str, Any]:
        """Start a child, kill it, and return what is left of the database."""
        moment = "start" if number % 5 == 4 else "event"
        pause_s = chance.uniform(*(START_S if moment == "start" else PAUSE_S))
        lines = self._killed(number, moment, pause_s)
        committed = 0
        replaced = 0
        for line in lines:
            replaced += line.get("replaced", 0)
            for key, subject in zip(line.get("ids", []), line.get("subjects", []), strict=True):
                self._committed[key] = subject
                committed += 1
        log = self.path.with_name(f"{self.path.name}-wal")
        return {
            "full": self.max_mb == FULL_MB, "after": moment, "pause_s": round(pause_s, 4), "committed": committed,
            "log_bytes": log.stat().st_size if log.exists() else 0, "replaced": replaced, **self._left(),
        }  # fmt: skip

    def _killed(self, number: int, moment: str, pause_s: float) -> list[dict[str, Any]]:
        """Return what a child has printed until it was killed."""
        command = [sys.executable, __file__, "--child", str(self.path), "--max-mb", str(self.max_mb)]
        with subprocess.Popen([*command, "--seed", str(number)], stdout=subprocess.PIPE) as child:
            if child.stdout is None:
                raise AssertionError
            lines = []
            if moment == "event":
                lines += [child.stdout.readline(), child.stdout.readline()]
            time.sleep(pause_s)
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.readlines()
        # The last line may be cut off: then nobody was told.
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def _left(self) -> dict[str, Any]:
        """Check the database as the child has left it, in a copy, and look for all events that were committed."""
        if not self.path.exists():
            return {"integrity": "none yet", "events": 0, "missing": len(self._committed), "gaps": 0}
        events = {number: event.subject for number, event in Reader(self.path).since(None)}
        # Removed are only the oldest ones, of a database that is full.
        first = min(events, default=1) if self.max_mb == FULL_MB else 1
        missing = 0
        for number, subject in self._committed.items():
            if number >= first and events.get(number) != subject:
                missing += 1
        gaps = 0 if not events else max(events) - min(events) + 1 - len(events)
        return {"integrity": integrity(self.path), "events": len(events), "missing": missing, "gaps": gaps}


def integrity(path: Path) -> str:
    """Return what SQLite says about a copy of the database and its log: ``ok``."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        shutil.copyfile(path, copy)
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name(log.name))
        connection = sqlite3.connect(copy)
        answer = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        connection.close()
        return answer


def measure(times: int, seed: int) -> list[dict[str, Any]]:
    """Kill *times* children and return what was left each time."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        roomy = Series(Path(folder, "roomy.db"), ROOMY_MB)
        full = Series(Path(folder, "full.db"), FULL_MB)
        kills = []
        for number in range(times):
            series = roomy if number % 2 == 0 else full
            kills.append(series.kill(number, chance))
            print(f"\r{number + 1} of {times} killed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return kills


def is_whole(kill: dict[str, Any]) -> bool:
    """Return whether nothing was lost by *kill*."""
    lost = kill["missing"] + kill["gaps"] + kill["replaced"]
    return lost == 0 and kill["integrity"] in {"ok", "none yet"}


def main() -> None:
    """Read the options, kill, print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200, help="how often a child is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the raw values to this file")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--max-mb", type=float, default=ROOMY_MB, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        keep(options.child, options.max_mb, options.seed)
    kills = measure(options.times, options.seed)
    if options.json is not None:
        command = shlex.join(["python", "benchmarks/appliance/kill.py", *sys.argv[1:]])
        result = {"command": command, "sqlite": sqlite3.sqlite_version, "kills": kills}
        files.write(options.json, json.dumps(result) + "\n")
    bad = [kill for kill in kills if not is_whole(kill)]
    committed = sum(kill["committed"] for kill in kills)
    print(f"{len(kills)} kills, {committed} events committed, {len(bad)} kills after which something was missing")
    for kill in bad:
        print(json.dumps(kill))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    try:
        main()
    except EdgeFerError as exc:
        print(f"{Path(__file__).name}: {exc}", file=sys.stderr)
        sys.exit(exc.exit_code)
