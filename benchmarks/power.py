"""Whether ``edge-fer bench compare`` finds what is there, and nothing where nothing is.

    python benchmarks/power.py --json benchmarks/results/<device>/power.json

Two runs of the same thing after each other, many times: how often is a difference found (it should be never), and how
far apart are their headlines? Then one stage is slowed down by so many per cent of its own time: is it found, and is
that stage blamed?
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_fer import bundle as bundles
from edge_fer import host
from edge_fer.progress import ProgressListener
from edge_fer_bench import candidates, stability, worker
from edge_fer_bench.compare import compare_runs
from edge_fer_bench.harness import Harness
from edge_fer_bench.statistics import p90
from edge_fer_bench.suites import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer_bench.candidates import Candidate
    from edge_fer_bench.results import Run

SUITE = replace(QUICK, paced_blocks=0)
STAGES = ("detect", "classify")


class Slowed(worker.Worker):
    """A worker one stage of which takes longer."""

    stage = ""
    share = 0.0

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        pipeline: Any = self.pipeline
        holder, name = {"detect": (pipeline.tracker, "update"), "classify": (pipeline.classifier, "scores")}[self.stage]
        setattr(holder, name, self._slowed(getattr(holder, name)))

    def _slowed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def slower(*arguments: Any) -> Any:
            began = time.perf_counter()
            done = work(*arguments)
            end = began + (time.perf_counter() - began) * (1 + self.share)
            while time.perf_counter() < end:
                pass
            return done

        return slower


def slowed(candidate: Candidate, stage: str, share: float) -> Candidate:
    """Return *candidate* with *stage* slowed down: this very file is its worker."""
    command = (sys.executable, __file__, "--worker", stage, str(share), *candidate.command[3:])
    return replace(candidate, command=command)


def measure(candidate: Candidate, seed: int) -> Run:
    """Return a run of one candidate."""
    with tempfile.TemporaryDirectory() as folder:
        return Harness(SUITE, Path(folder), ProgressListener(), seed=seed).run([candidate], "benchmarks/power.py")


def compared(first: Candidate, second: Candidate, seed: int) -> dict[str, Any]:
    """Measure both after each other and compare."""
    runs = measure(first, 2 * seed), measure(second, 2 * seed + 1)
    found = compare_runs(*runs)
    blamed = found.most_changed_stage(first.name)
    return {
        "p90_ms": [p90(run.measurements[0].frames_ms()) for run in runs],
        "unstable": [[*stability.unstable(run), *stability.unsteady(run.measurements[0])] for run in runs],
        "found": [change.what for change in found.significant()],
        "blamed": blamed.what if blamed else None,
        "changes": {change.what: [change.ratio.value, change.ratio.low, change.ratio.high, change.p]
                    for change in found.changes},
    }  # fmt: skip


def main() -> None:
    """Compare, print a line each, and keep everything where asked."""
    if sys.argv[1:2] == ["--worker"]:
        Slowed.stage, Slowed.share = sys.argv[2], float(sys.argv[3])
        del sys.argv[1:4]
        worker.main(Slowed)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="openvino-int8")
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--slowdown", type=float, default=0.15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    (candidate,) = candidates.candidates_of_bundle("cnn-1", bundles.load("cnn-1"), [1], options.target)
    told: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/power.py", *sys.argv[1:]]),
        "host": host.facts(),
        "slowdown": options.slowdown,
        "null": [],
        "planted": {stage: [] for stage in STAGES},
    }
    for seed in range(options.tries):
        told["null"].append(compared(candidate, candidate, seed))
        print("null", _line(told["null"][-1]), flush=True)  # noqa: T201
        for stage in STAGES:
            told["planted"][stage].append(compared(candidate, slowed(candidate, stage, options.slowdown), seed))
            print(f"{stage} +{options.slowdown:.0%}", _line(told["planted"][stage][-1]), flush=True)  # noqa: T201
        if options.json:
            options.json.write_text(json.dumps(told) + "\n", encoding="utf-8")


def _line(found: dict[str, Any]) -> str:
    first, second = found["p90_ms"]
    unstable = ", unstable" if any(found["unstable"]) else ""
    return f"p90 {first:.2f} and {second:.2f} ms; found {found['found']}, blamed {found['blamed']}{unstable}"


if __name__ == "__main__":
    main()
