"""Measures what the appliance costs: while nobody is in view, how soon it reports who comes, and what a viewer costs.

Idle: a local web server sends MJPEG of an empty room, 640x480 at 30 frames a second. Then the same with a face in it.
Viewers: drawn people as fast as the pipeline takes them, with no viewer, one at 10 pictures a second, and one who does
not read what is sent.

    python benchmarks/appliance/idle.py --json benchmarks/results/appliance/idle.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import soak_world
import tomli_w
from soak_world import ask, cpu_s, free_port, until

from edge_fer import files, host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FPS: Final = 30.0
SETTLE_S: Final = 8.0
COMINGS: Final = 5
ROUNDS: Final = 3
LONGEST_IDLE_SHARE: Final = 0.15
LONGEST_REPORT_S: Final = 0.5
LARGEST_LOSS: Final = 0.15


class Service:
    """A service in a process of its own."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.port = free_port()
        config = folder / "config.toml"
        values = {
            "page": {"port": self.port},
            "events": {"path": str(folder / "events.db")},
            "supervision": {"state_folder": str(folder)},
            **settings,
        }
        config.write_text(tomli_w.dumps(values))
        command = [sys.executable, "-m", "edge_fer.appliance.service", str(config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        if until(lambda: self.health()["status"] == "ok", 60) is None:
            raise TimeoutError("the service does not begin to work")

    def health(self) -> dict[str, Any]:
        """Return what ``/health`` answers."""
        answer: dict[str, Any] = json.loads(ask(self.port, "/health"))
        return answer

    def faces(self) -> int:
        """Return how many faces were seen in the newest frame."""
        return len((json.loads(ask(self.port, "/last")) or {"faces": []})["faces"])

    def pids(self) -> dict[str, int]:
        """Return the numbers of the processes."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {"service": pid, "watcher": int(children[0])}

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)


@contextmanager
def serving(**settings: Any) -> Iterator[Service]:
    """Run a service."""
    with tempfile.TemporaryDirectory(prefix="edge-fer-idle-") as folder:
        service = Service(Path(folder), **settings)
        try:
            yield service
        finally:
            service.stop()


def idle(seconds: float) -> dict[str, Any]:
    """Return the share of one core that each process takes while nobody is in view, and how soon a face is reported."""
    empty = soak_world.film(FPS, empty=True)
    # The same face for the whole second that is measured.
    somebody = soak_world.film(FPS)[: int(FPS)]
    camera = soak_world.WebCamera(empty, FPS)
    camera.come()
    with serving(source=camera.address, max_fps=1000.0) as service:
        time.sleep(SETTLE_S)
        shares = _shares(service, seconds)
        reported_s = [_comes(service, camera, somebody, empty) for _ in range(COMINGS)]
        frames = service.health()["frames"]
        memory = {name: host.process_memory_mb(pid) for name, pid in service.pids().items()}
    camera.go()
    return {"cores": shares, "reported_s": reported_s, "frames": frames, "memory_mb": memory}


def _shares(service: Service, seconds: float) -> dict[str, float]:
    before = {name: cpu_s(pid) for name, pid in service.pids().items()}
    began_s = time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - began_s
    return {name: round((cpu_s(pid) - before[name]) / took_s, 4) for name, pid in service.pids().items()}


def _comes(service: Service, camera: soak_world.WebCamera, somebody: list[bytes], empty: list[bytes]) -> float | None:
    """Return how long after somebody came into the picture the page tells so, in seconds."""
    began_s = time.monotonic()
    camera.pictures = somebody
    reported_s = None
    while time.monotonic() - began_s < SETTLE_S:
        if service.faces():
            reported_s = round(time.monotonic() - began_s, 3)
            break
        time.sleep(0.005)
    camera.pictures = empty
    time.sleep(SETTLE_S / 2)
    return reported_s


def viewers(seconds: float) -> dict[str, list[float]]:
    """Return frames a second with no viewer, one, and one who reads nothing, taken in turns."""
    rates: dict[str, list[float]] = {"none": [], "one": [], "one that does not read": []}
    with serving(source="synthetic", max_fps=1000.0) as service:
        time.sleep(SETTLE_S)
        for _ in range(ROUNDS):
            rates["none"].append(_rate(service, seconds))
            with _viewing(service, _reads):
                rates["one"].append(_rate(service, seconds))
            with _viewing(service, _reads_nothing):
                rates["one that does not read"].append(_rate(service, seconds))
    return rates


def _rate(service: Service, seconds: float) -> float:
    before: int = service.health()["frames"]
    began_s = time.monotonic()
    time.sleep(seconds)
    after: int = service.health()["frames"]
    return round((after - before) / (time.monotonic() - began_s), 1)


@contextmanager
def _viewing(service: Service, view: Callable[[Service, threading.Event], None]) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=view, args=(service, ended), daemon=True)
    thread.start()
    time.sleep(1)
    try:
        yield
    finally:
        ended.set()
        thread.join(10)


def _reads(service: Service, ended: threading.Event) -> None:
    with soak_world.viewing(service.port) as view:
        view.send('{"pictures": true}')
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                if isinstance(view.recv(timeout=0.5), bytes):
                    view.send('{"pictures": true}')


def _reads_nothing(service: Service, ended: threading.Event) -> None:
    """Ask for pictures as a page does, with a small buffer, and never read."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        origin = f"127.0.0.1:{service.port}"
        request = (
            f"GET /ws HTTP/1.1\r\nHost: {origin}\r\nOrigin: http://{origin}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        connection.sendall(request.encode())
        while not ended.wait(0.1):
            with contextlib.suppress(OSError):
                # A masked text frame, with a mask of zeros.
                words = b'{"pictures": true}'
                connection.sendall(bytes([0x81, 0x80 | len(words), 0, 0, 0, 0]) + words)


def main() -> int:
    """Measure, print, and keep the values; return 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for which each rate is measured")
    parser.add_argument("--json", type=Path, help="write all values to this file")
    arguments = parser.parse_args()
    at_rest = idle(arguments.seconds)
    rates = viewers(arguments.seconds / 4)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    losses = {name: round(1 - rate / medians["none"], 4) for name, rate in medians.items() if name != "none"}
    passed = {
        "idle up to 15 % of one core": sum(at_rest["cores"].values()) <= LONGEST_IDLE_SHARE,
        "first report within 0.5 s": all(
            value is not None and value <= LONGEST_REPORT_S for value in at_rest["reported_s"]
        ),
        "a viewer costs up to 15 % of the frames": losses["one"] <= LARGEST_LOSS,
        "nor does one who does not read": losses["one that does not read"] <= LARGEST_LOSS,
    }
    result = {
        "command": shlex.join(["python", "benchmarks/appliance/idle.py", *sys.argv[1:]]),
        "machine": host.facts(), "passed": passed, "idle": at_rest, "frames_a_second": rates, "loss": losses,
    }  # fmt: skip
    if arguments.json is not None:
        files.write(arguments.json, json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: result[name] for name in ("passed", "idle", "frames_a_second", "loss")}, indent=1))  # noqa: T201
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
