"""What measuring costs: the same frames with every clock read and every value kept, and without.

    python benchmarks/overhead.py --json benchmarks/results/<device>/overhead.json

Blocks of frames with and without instruments take turns, in random order.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

import script
from edge_fer import host
from edge_fer.classifier import Classifier
from edge_fer.clock import FakeClock
from edge_fer.pipeline import Pipeline
from edge_fer.sinks.lines import JsonLines
from edge_fer_bench import statistics, worker
from edge_fer_bench.scene import Film, Scene

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

FRAMES = 60
WARM_UP = 2
"""Blocks at the start that are not counted."""


def bare(options: argparse.Namespace) -> Callable[[], float]:
    """Return a function that runs `FRAMES` frames with no clock read between them, and returns the seconds."""
    classifier = Classifier.load(options.model, options.target, threads=options.threads)
    pipeline = Pipeline(classifier, clock=FakeClock())
    frames = Film(options.scene, options.fps).frames()
    sink = JsonLines(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  (as long as the process)

    def block() -> float:
        began = time.perf_counter()
        for _ in range(FRAMES):
            frame = next(frames)
            sink.write(frame, pipeline.process(frame))
        return time.perf_counter() - began

    return block


def instrumented(options: argparse.Namespace) -> Callable[[], float]:
    """Return a function that runs `FRAMES` frames as ``edge-fer bench`` does, and returns the seconds."""
    measured = worker.Worker(options)

    def block() -> float:
        began = time.perf_counter()
        measured.frames(seconds=0.0, turn=FRAMES)
        return time.perf_counter() - began

    return block


def measure(options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the milliseconds of a frame in each block, without and with instruments."""
    rng = np.random.default_rng(0)
    ways = {"without": bare(options), "with": instrumented(options)}
    times_ms: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(options.blocks + WARM_UP):
        for name in rng.permutation(list(ways)):
            seconds = ways[str(name)]()
            if number >= WARM_UP:
                times_ms[str(name)].append(seconds * 1e3 / FRAMES)
    return times_ms


def main() -> None:
    """Measure, save the raw values, and print the ratio."""
    parser = script.parser(__doc__)
    parser.add_argument("--model", default="cnn-1")
    parser.add_argument("--target", default="openvino-int8")
    parser.add_argument("--blocks", type=int, default=40, help="blocks each way")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.npy"
        Scene(frames=FRAMES // 2 + 1).draw(film)
        vars(options).update(scene=film, fps=30.0, threads=1, backend=None)  # what a worker is started with
        times_ms = measure(options)
    result = {"command": script.command(), "host": host.facts(), "milliseconds_a_frame": times_ms}
    script.save(result, options.json)
    without = [[value] for value in times_ms["without"]]
    instruments = [[value] for value in times_ms["with"]]
    ratio = statistics.block_ratio(without, instruments, lambda block: float(block[0]))
    print(f"with instruments {ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}] of the time without")


if __name__ == "__main__":
    script.run(main)
