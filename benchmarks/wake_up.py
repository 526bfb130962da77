"""What waking up costs on this machine: three small operations, at once and after a pause.

    python benchmarks/wake_up.py --json benchmarks/results/<device>/wake_up.json

A camera that nobody is in front of wakes two threads for each frame, and each does little. Where other machines share
the processor's caches, that little is slow: its code and data have to be fetched again. Printed is the CPU time of one
call in microseconds, the median of *repeats* calls in a row and of as many with a frame's pause before each.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

import script
from edge_fer import host

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME_S: Final = 1 / 30
SMALL: Final = np.zeros((60, 80), np.float32)
FRAME: Final = np.zeros((480, 640, 3), np.uint8)
OPERATIONS: Final[dict[str, Callable[[], object]]] = {
    "add 60x80 floats": lambda: SMALL + SMALL,
    "blur 60x80 floats": lambda: cv2.blur(SMALL, (5, 5)),
    "a frame to grey": lambda: cv2.cvtColor(FRAME, cv2.COLOR_BGR2GRAY),
}


def cpu_us(operation: Callable[[], object], pause_s: float, repeats: int) -> list[float]:
    """Return the CPU time of each of *repeats* calls of *operation*, in microseconds, with *pause_s* before each."""
    taken_us = []
    for _ in range(repeats):
        if pause_s > 0:
            time.sleep(pause_s)
        began_ns = time.thread_time_ns()
        operation()
        taken_us.append((time.thread_time_ns() - began_ns) / 1e3)
    return taken_us


def measure(repeats: int) -> dict[str, Any]:
    """Return the times of all operations."""
    cv2.setNumThreads(1)
    times: dict[str, Any] = {}
    for name, operation in OPERATIONS.items():
        operation()
        times[name] = {"at once": cpu_us(operation, 0, repeats), "after a pause": cpu_us(operation, FRAME_S, repeats)}
    return {"command": script.command(), "load_1min": host.load_1min(), "cpu_us": times}


def main() -> None:
    """Measure, save the raw values, and print medians."""
    parser = script.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=100, help="calls of each operation")
    options = parser.parse_args()
    result = measure(options.repeats)
    script.save(result, options.json)
    for name, times in result["cpu_us"].items():
        at_once = statistics.median(times["at once"])
        paused = statistics.median(times["after a pause"])
        print(f"{name:<18} {at_once:7.1f} us at once  {paused:7.1f} us after a pause")


if __name__ == "__main__":
    script.run(main)
