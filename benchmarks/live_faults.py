"""Blocks the reads of a live source again and again, and measures how soon frames come afterwards, and the memory.

Two sources are tried: a local web server that sends MJPEG and falls silent after some frames while it keeps the
connection open, and a camera in this process whose read blocks. Both could deliver again at once.

    python benchmarks/live_faults.py --faults 50 --read-timeout 10 --json live_faults.json
"""

from __future__ import annotations

import contextlib
import json
import logging
import statistics
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

import script
from edge_fer.clock import SystemClock
from edge_fer.sources import open_source
from edge_fer.sources.camera import Camera
from edge_fer.sources.options import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.sources import Source

FRAMES: Final = 10
"""How many frames come before each fault."""
PERIOD_S: Final = 0.02
WARM_UP: Final = 5
"""Faults after which the memory is measured first: by then, all that is loaded once is loaded."""
PICTURE: Final = np.full((480, 640, 3), 128, np.uint8)
SILENT_S: Final = 3600.0


class FallsSilent(BaseHTTPRequestHandler):
    """Sends some pictures, then nothing, until the other side closes the connection."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with a stream of pictures."""
        content = cv2.imencode(".jpg", PICTURE)[1].tobytes()
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        clock = SystemClock()
        with contextlib.suppress(ConnectionError):  # the other side closes it while it blocks
            for _ in range(FRAMES):
                header = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                self.wfile.write(header.encode() + content + b"\r\n")
                clock.sleep(PERIOD_S)
            self.connection.settimeout(SILENT_S)
            self.rfile.read(1)


class BlockingCapture:
    """A camera that delivers some frames; then its read blocks until it is released."""

    def __init__(self) -> None:
        self._left = FRAMES
        self._released = threading.Event()

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return True."""
        return True

    def read(self) -> tuple[bool, Any]:
        """Return a frame, or block."""
        if self._left == 0:
            self._released.wait(SILENT_S)
            return False, None
        self._left -= 1
        SystemClock().sleep(PERIOD_S)
        return True, PICTURE.copy()

    def release(self) -> None:
        """End a read that blocks."""
        self._released.set()


@contextmanager
def network_camera(read_timeout_s: float) -> Iterator[Source]:
    """Open the stream of a local web server that falls silent."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FallsSilent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/stream"
        with open_source(address, SourceOptions(read_timeout_s=read_timeout_s)) as source:
            yield source
    finally:
        server.shutdown()


@contextmanager
def blocking_camera(read_timeout_s: float) -> Iterator[Source]:
    """Open a camera whose reads block."""
    with Camera("0", opener=lambda *_: BlockingCapture(), read_timeout_s=read_timeout_s) as source:
        yield source


def measure(source: Source, faults: int, read_timeout_s: float) -> dict[str, Any]:
    """Return how long frames stayed away at each fault of *source*, and memory and threads before and after."""
    clock = SystemClock()
    away_s: list[float] = []
    early = resident_mib()
    last_s: float | None = None
    for frame in source.frames():
        now = clock.now()
        if last_s is not None and now - last_s > read_timeout_s / 2:
            away_s.append(now - last_s)
            if len(away_s) == min(WARM_UP, faults):
                early = resident_mib()
            print(f"fault {len(away_s)}: {away_s[-1]:.2f} s", file=sys.stderr)  # noqa: T201
        last_s = now
        del frame
        if len(away_s) == faults:
            break
    return {
        "faults": faults,
        "read_timeout_s": read_timeout_s,
        "away_s": {"median": round(statistics.median(away_s), 2), "max": round(max(away_s), 2)},
        "resident_mib": {f"after {min(WARM_UP, faults)}": early, f"after {faults}": resident_mib()},
        "threads": threading.active_count(),
    }


def resident_mib() -> float:
    """Return the memory of this process, in MiB. Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise OSError("/proc/self/status has no VmRSS")


def main() -> None:
    """Print the values as JSON."""
    parser = script.parser(__doc__)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--read-timeout", type=float, default=10.0, metavar="SECONDS")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    results = {}
    for name, opening in {"network": network_camera, "blocking": blocking_camera}.items():
        with opening(arguments.read_timeout) as source:
            results[name] = measure(source, arguments.faults, arguments.read_timeout)
    print(json.dumps(results, indent=2))  # noqa: T201
    script.save({"command": script.command(), **results}, arguments.json, indent=2)


if __name__ == "__main__":
    script.run(main)
