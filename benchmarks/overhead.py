"""What measuring costs: the same frames with every clock read and every value kept, and with neither, in turn.

python benchmarks/overhead.py --json benchmarks/results/<device>/overhead.json
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_fer import host
from edge_fer.classifier import Classifier
from edge_fer.clock import FakeClock
from edge_fer.pipeline import Pipeline
from edge_fer.sinks.lines import JsonLines
from edge_fer_bench import statistics, worker
from edge_fer_bench.scene import Film, Scene

if TYPE_CHECKING:
    from collections.abc import Callable

FRAMES = 60


def bare(options: argparse.Namespace) -> Callable[[], float]:
    """Return what runs `FRAMES` frames without looking at a clock between them, in seconds."""
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
    """Return what runs `FRAMES` frames as ``edge-fer bench`` does, in seconds."""
    measured = worker.Worker(options)

    def block() -> float:
        began = time.perf_counter()
        measured.frames(seconds=0.0, turn=FRAMES)
        return time.perf_counter() - began

    return block


def main() -> None:
    """Measure both in turn, print the ratio, and keep the raw values where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="cnn-1")
    parser.add_argument("--target", default="openvino-int8")
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        Scene(frames=FRAMES // 2 + 1).draw(Path(folder) / "film.npy")
        vars(options).update(scene=Path(folder) / "film.npy", fps=30.0, threads=1, backend=None)
        ways = {"without": bare(options), "with": instrumented(options)}
        spent: dict[str, list[float]] = {name: [] for name in ways}
        rng = np.random.default_rng(0)
        for number in range(options.blocks + 2):
            for name in rng.permutation(list(ways)):
                seconds = ways[str(name)]()
                if number >= 2:  # the first are the warm-up
                    spent[str(name)].append(seconds * 1e3 / FRAMES)
    without, with_ = ([[value] for value in spent[name]] for name in ("without", "with"))
    ratio = statistics.block_ratio(without, with_, lambda block: float(block[0]))
    told: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/overhead.py", *sys.argv[1:]]),
        "host": host.facts(),
        "milliseconds_a_frame": spent,
    }
    if options.json:
        options.json.write_text(json.dumps(told) + "\n", encoding="utf-8")
    print(f"with instruments {ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}] of the time without")  # noqa: T201


if __name__ == "__main__":
    main()
