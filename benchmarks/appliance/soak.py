"""Soaks the appliance: the whole service runs for half an hour, and everything around it fails again and again.

The camera is a local web server with MJPEG, the broker a real mosquitto, the disk a small tmpfs (it needs root), the
pages WebSocket clients. The camera goes 10 times and blocks 5 times, the broker goes 5 times, the disk is full once, a
bundle is damaged once, the wall clock jumps twice, the watcher is ended by SIGSEGV 3 times and stopped twice, and the
page is opened and closed 100 times. After each fault the service must live, have told of it, and soon work again.

    nice python benchmarks/appliance/soak.py --json benchmarks/results/appliance/soak.json

``--minutes`` scales the number of faults, too.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import soak_world
import tomli_w
from soak_world import ask, free_port, until

from edge_fer import files, host
from edge_fer.bundle import SHIPPED_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTES: Final = 30.0
RECOVER_S: Final = 15.0
"""The bar: how soon everything must work again."""
GROWTH_MB: Final = 10.0
"""The bar: how much larger a process may be at the end."""
SAMPLE_S: Final = 5.0
OUTAGE_S: Final = 8.0
"""How long the camera and the broker are away."""
DISK_FULL_S: Final = 60.0
"""How long the disk is full at most: until an event could not be kept, and a little longer."""
COUNTS: Final = {
    "camera gone": 10, "camera blocked": 5, "broker gone": 5, "disk full": 1, "bundle damaged": 1, "clock jumps": 2,
    "watcher ended by SIGSEGV": 3, "watcher stopped": 2,
}  # fmt: skip
EARLY: Final = ("disk full", "bundle damaged", "watcher ended by SIGSEGV", "watcher stopped", "clock jumps")
"""What happens in the first half: these replace the watcher, whose memory is watched until the end."""
VIEWS: Final = 100
WARM_UP: Final = 0.1
"""Share of the time after which the memory is measured first."""


@dataclass
class Fault:
    """One fault, and what became of it."""

    kind: str
    at_s: float
    """Since the start."""
    alive: bool = False
    told: str | None = None
    """The line in the log, or the event; None if nobody was told."""
    recovered_s: float | None = None
    """After how many seconds everything worked again: since the fault was over, or began where it ends by itself."""

    @property
    def good(self) -> bool:
        """Whether the service passed."""
        return self.alive and self.told is not None and self.recovered_s is not None and self.recovered_s <= RECOVER_S


@dataclass
class Sample:
    """Memory at one moment."""

    at_s: float
    service_mb: float | None
    watcher_pid: int | None
    watcher_mb: float | None


@dataclass
class Soak:
    """The service, what stands around it, and what was seen."""

    folder: Path
    minutes: float
    port: int = field(default_factory=free_port)
    faults: list[Fault] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began_s = time.monotonic()
        self.log_path = self.folder / "service.log"
        self.offset = self.folder / "offset"
        self.bundle = self.folder / "bundle"
        shutil.copytree(SHIPPED_MODELS / "compact", self.bundle)
        self.disk = soak_world.SmallDisk(self.folder / "disk")
        self.camera = soak_world.WebCamera(soak_world.film())
        self.broker = soak_world.Broker(self.folder / "broker")
        self.subscriber = soak_world.Subscriber(self.broker.port, "soak/events")
        self.viewers = soak_world.Viewers(self.port, max(1, round(VIEWS * self.minutes / MINUTES)), self.minutes * 54)
        self.service: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()

    @property
    def database(self) -> Path:
        """The events."""
        return self.disk.folder / "events.db"

    def settings(self) -> dict[str, Any]:
        """Return the service's settings."""
        return {
            "source": self.camera.address,
            "max_fps": 30.0,
            "model": str(self.bundle),
            "page": {"port": self.port},
            "events": {"path": str(self.database)},
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, "prefix": "soak", "client_id": "soaked"},
            "supervision": {"state_folder": str(self.folder / "state"), "bundle_trial_s": 2.0, "stuck_after_s": 6.0},
        }

    def start(self) -> None:
        """Start everything."""
        self.camera.come()
        self.broker.come()
        config = self.folder / "config.toml"
        config.write_text(tomli_w.dumps(self.settings()))
        command = [sys.executable, str(Path(__file__).with_name("soak_service.py")), str(config), str(self.offset)]
        with self.log_path.open("wb") as log:
            self.service = subprocess.Popen(command, stderr=log, stdout=log)
        if until(self.works, 60) is None:
            raise TimeoutError(f"the service does not begin to work: {self.log_path.read_text()[-2000:]}")
        threading.Thread(target=self._sample, daemon=True).start()
        self.viewers.start()

    def end(self) -> tuple[int | None, float]:
        """End everything. Return the service's exit code, and how long it took to end."""
        self._ended.set()
        self.viewers.stop()
        code = None
        took_s = 0.0
        if self.service is not None:
            began_s = time.monotonic()
            self.service.send_signal(signal.SIGTERM)
            code = self.service.wait(30)
            took_s = time.monotonic() - began_s
        time.sleep(2)
        self.subscriber.stop()
        self.broker.go()
        self.camera.go()
        return code, round(took_s, 2)

    def health(self) -> dict[str, Any]:
        """Return what ``/health`` answers."""
        answer: dict[str, Any] = json.loads(ask(self.port, "/health"))
        return answer

    def works(self) -> bool:
        """Return whether everything works, and frames come."""
        health = self.health()
        age_s = health["newest_frame_age_s"]
        return health["status"] == "ok" and age_s is not None and age_s < 1.0 and bool(health["parts"].get("mqtt"))

    def alive(self) -> bool:
        """Return whether the service's process lives."""
        return self.service is not None and self.service.poll() is None

    def watcher_pid(self) -> int | None:
        """Return the number of the watcher's process."""
        if self.service is None:
            return None
        pid = self.service.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        numbers = [int(word) for word in children.read_text().split()]
        for number in numbers:
            if b"edge_fer.appliance.watcher" in Path(f"/proc/{number}/cmdline").read_bytes():
                return number
        return None

    def newest_events(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return the newest events."""
        events: list[dict[str, Any]] = json.loads(ask(self.port, f"/api/events?limit={limit}"))["events"]
        return events

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            try:
                pid = self.watcher_pid()
            except OSError:
                pid = None
            service_mb = None if self.service is None else host.process_memory_mb(self.service.pid)
            watcher_mb = None if pid is None else host.process_memory_mb(pid)
            self.samples.append(Sample(round(time.monotonic() - self.began_s, 1), service_mb, pid, watcher_mb))


# faults: each is done, is told of, and is over


def inject(soak: Soak, kind: str) -> Fault:
    """Let a fault of *kind* happen, and wait until everything works again, or for too long."""
    fault = Fault(kind, round(time.monotonic() - soak.began_s, 1))
    log_bytes = soak.log_path.stat().st_size
    events_before = {event["id"] for event in soak.newest_events()}
    words = FAULTS[kind](soak, fault)
    fault.alive = soak.alive()

    def told() -> bool:
        with soak.log_path.open("rb") as file:
            file.seek(log_bytes)
            lines = file.read().decode(errors="replace").splitlines()
        told_events = [event for event in soak.newest_events() if event["id"] not in events_before]
        lines += [f"event: {json.dumps(event)}" for event in told_events if event["kind"] in ("health", "notice")]
        for line in lines:
            if any(word in line for word in words):
                fault.told = line.replace(str(soak.folder), "SOAK")
                return True
        return False

    until(told, RECOVER_S)
    return fault


def camera_gone(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """Let the camera be away for a while."""
    soak.camera.go()
    until(lambda: not soak.works(), RECOVER_S)
    time.sleep(OUTAGE_S)
    soak.camera.come()
    fault.recovered_s = until(soak.works, 4 * RECOVER_S)
    return ("camera",)


def camera_blocked(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """Let the camera fall silent, and keep the connection open."""
    soak.camera.block()
    noticed_s = until(lambda: not soak.works(), RECOVER_S)
    recovered_s = until(soak.works, 4 * RECOVER_S)
    if noticed_s is not None and recovered_s is not None:
        fault.recovered_s = round(noticed_s + recovered_s, 2)
    return ("camera",)


def broker_gone(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """Let the broker be away for a while."""
    soak.broker.go()
    until(lambda: not soak.works(), RECOVER_S)
    time.sleep(OUTAGE_S)
    soak.broker.come()
    fault.recovered_s = until(soak.works, 4 * RECOVER_S)
    return ("mqtt",)


def disk_full(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """Leave no room for events, until one could not be kept."""
    soak.disk.fill()
    until(lambda: soak.health()["parts"]["store"]["fault"], DISK_FULL_S)
    time.sleep(OUTAGE_S)
    soak.disk.clear()
    fault.recovered_s = until(lambda: soak.works() and soak.health()["store"]["queued"] == 0, 4 * RECOVER_S)
    return ("store",)


def bundle_damaged(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """Damage the model's file; the watcher must not be touched. Then mend it."""
    model = next(soak.bundle.glob("*.tflite"))
    content = model.read_bytes()
    pid = soak.watcher_pid()
    model.write_bytes(content[: len(content) // 2] + b"\0" * (len(content) - len(content) // 2))
    refused = until(lambda: soak.health()["parts"].get("bundle", {}).get("fault"), RECOVER_S)
    untouched = soak.watcher_pid() == pid and soak.health()["newest_frame_age_s"] < 1.0
    model.write_bytes(content)
    if refused is not None and untouched:
        fault.recovered_s = until(soak.works, 4 * RECOVER_S)
    return ("bundle: the new one is not used",)


def clock_jumps(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """Set the wall clock an hour forward, or two back."""
    forward = not soak.offset.exists()
    frames = soak.health()["frames"]
    soak.offset.write_text("3600" if forward else "-3600")
    fault.recovered_s = until(lambda: soak.works() and soak.health()["frames"] > frames + 5, 4 * RECOVER_S)
    return ("forward by 3600", "back by 7200")


def watcher_ended(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """End the watcher as a crash of a runtime does."""
    return _signal_watcher(soak, fault, signal.SIGSEGV, ("ended by SIGSEGV",))


def watcher_stopped(soak: Soak, fault: Fault) -> tuple[str, ...]:
    """Stop the watcher, as if it hung."""
    return _signal_watcher(soak, fault, signal.SIGSTOP, ("says nothing",))


def _signal_watcher(soak: Soak, fault: Fault, number: int, words: tuple[str, ...]) -> tuple[str, ...]:
    pid = soak.watcher_pid()
    if pid is not None:
        os.kill(pid, number)
        fault.recovered_s = until(lambda: soak.watcher_pid() not in (pid, None) and soak.works(), 4 * RECOVER_S)
    return words


FAULTS: Final[dict[str, Callable[[Soak, Fault], tuple[str, ...]]]] = {
    "camera gone": camera_gone,
    "camera blocked": camera_blocked,
    "broker gone": broker_gone,
    "disk full": disk_full,
    "bundle damaged": bundle_damaged,
    "clock jumps": clock_jumps,
    "watcher ended by SIGSEGV": watcher_ended,
    "watcher stopped": watcher_stopped,
}


def schedule(minutes: float) -> list[str]:
    """Return the faults in their order: in each half, the kinds take turns."""
    early: list[list[str]] = []
    late: list[list[str]] = []
    for kind, count in COUNTS.items():
        number = max(1, round(count * minutes / MINUTES))
        (early if kind in EARLY else late).append([kind] * number)
    return _in_turns(early) + _in_turns(late)


def _in_turns(groups: list[list[str]]) -> list[str]:
    order: list[str] = []
    while any(groups):
        order += [group.pop() for group in groups if group]
    return order


# verdicts


def growth_mb(samples: list[Sample], minutes: float) -> dict[str, float | None]:
    """Return by how much each process grew: the median of its last samples less that of its first, after a warm-up.

    Of the watcher, that of the process that ran last.
    """
    warm_s = 60 * minutes * WARM_UP
    service = [sample.service_mb for sample in samples if sample.at_s > warm_s and sample.service_mb is not None]
    last_pid = samples[-1].watcher_pid
    life = [sample for sample in samples if sample.watcher_pid == last_pid]
    warm = [
        sample.watcher_mb for sample in life if sample.at_s > life[0].at_s + warm_s and sample.watcher_mb is not None
    ]
    return {"service": _growth(service), "watcher": _growth(warm)}


def _growth(values: list[float]) -> float | None:
    some = max(1, min(12, len(values) // 4))
    if len(values) < 4:
        return None
    return round(statistics.median(values[-some:]) - statistics.median(values[:some]), 2)


def losses(soak: Soak, counts: dict[str, Any]) -> dict[str, Any]:
    """Compare the events that were kept with those that the subscriber got, and with what the service has counted."""
    with sqlite3.connect(f"file:{soak.database}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT time_ms, kind, subject, before, after FROM event").fetchall()
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
    kept = {_key(*row) for row in rows}
    received = [_key_of(event) for event in soak.subscriber.events]
    return {
        "kept": len(rows),
        "received": len(received),
        "received_twice": len(received) - len(set(received)),
        "not_received": len(kept - set(received)),
        "not_kept": len(set(received) - kept),
        "counted_lost": counts["counts"].get("events_lost", 0),
        "counted_dropped": counts["counts"].get("events_dropped", 0),
        "store": counts["store"],
        "outlets": counts["outlets"],
        "integrity": integrity,
        "examples_not_received": sorted(map(str, kept - set(received)))[:5],
        "examples_not_kept": sorted(map(str, set(received) - kept))[:5],
    }


def _key(time_ms: int, *words: str | None) -> tuple[Any, ...]:
    return (time_ms, *words)


def _key_of(event: dict[str, Any]) -> tuple[Any, ...]:
    from datetime import datetime

    moment = datetime.fromisoformat(event["time"])
    return _key(round(moment.timestamp() * 1000), event["kind"], event["subject"], event["before"], event["after"])


def run(soak: Soak) -> dict[str, Any]:
    """Soak the service, and return what was seen."""
    soak.start()
    order = schedule(soak.minutes)
    slot_s = soak.minutes * 60 / (len(order) + 1)
    for number, kind in enumerate(order, 1):
        time.sleep(max(0.0, soak.began_s + number * slot_s - time.monotonic()))
        fault = inject(soak, kind)
        soak.faults.append(fault)
        tell(f"{fault.at_s:7.1f} s  {kind:26} {'ok ' if fault.good else 'BAD'} recovered {fault.recovered_s} s")
    time.sleep(max(0.0, soak.began_s + soak.minutes * 60 - time.monotonic()))
    works = until(soak.works, RECOVER_S) is not None
    counts = soak.health()
    code, ending_s = soak.end()
    views = {"opened": soak.viewers.opened, "failed": len(soak.viewers.failures), "faults": soak.viewers.failures[:10]}
    return {
        "works_at_the_end": works,
        "exit_code": code,
        "ending_s": ending_s,
        "views": views,
        "growth_mb": growth_mb(soak.samples, soak.minutes),
        "events": losses(soak, counts),
        "health": counts,
        "faults": [{**asdict(fault), "good": fault.good} for fault in soak.faults],
        "samples": [asdict(sample) for sample in soak.samples],
    }


def verdicts(result: dict[str, Any]) -> dict[str, bool]:
    """Return which bars were reached."""
    events = result["events"]
    growth = [value for value in result["growth_mb"].values() if value is not None]
    return {
        "process alive": result["works_at_the_end"] and result["exit_code"] == 0,
        "every fault told and recovered within 15 s": all(fault["good"] for fault in result["faults"]),
        "memory growth up to 10 MB": bool(growth) and max(growth) <= GROWTH_MB,
        "no event lost but counted ones": events["not_kept"] <= events["counted_lost"]
        and events["not_received"] <= events["counted_dropped"] + events["counted_lost"],
        "all pages opened": result["views"]["failed"] == 0,
    }


def tell(words: str) -> None:
    """Print *words* at once."""
    print(words, flush=True)  # noqa: T201


def main() -> int:
    """Soak, print a table, and keep the values; return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--json", type=Path, help="write all values to this file, and the log beside it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edge-fer-soak-") as name:
        soak = Soak(Path(name), arguments.minutes)
        try:
            result = run(soak)
        finally:
            if soak.service is not None and soak.service.poll() is None:
                soak.service.kill()
            soak.broker.go()
            log = soak.log_path.read_text(errors="replace").replace(name, "SOAK") if soak.log_path.exists() else ""
            soak.disk.close()
    passed = verdicts(result)
    command = shlex.join(["python", "benchmarks/appliance/soak.py", *sys.argv[1:]])
    if arguments.json is not None:
        content = {
            "command": command,
            "minutes": arguments.minutes,
            "machine": host.facts(),
            "passed": passed,
            **result,
        }
        files.write(arguments.json, json.dumps(content, indent=1) + "\n")
        files.write(arguments.json.with_suffix(".log"), log)
    tell(f"memory growth {result['growth_mb']} MB; events {result['events']}; pages {result['views']}")
    for bar, reached in passed.items():
        tell(f"{'ok ' if reached else 'BAD'} {bar}")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
