"""Whether ``edge-fer bench compare`` finds planted slowdowns and reports no false ones.

    python benchmarks/power.py --json benchmarks/results/<device>/power.json

Measures the same thing twice, many times: how often is a difference found (it should be never), and how far apart are
the headlines? Then slows one stage down by some per cent of its own time: is a difference found, and is it attributed
to that stage?
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import script
from edge_fer import bundle as bundles
from edge_fer import host
from edge_fer.progress import ProgressListener
from edge_fer_bench import stability, worker
from edge_fer_bench.candidates import candidates_of_bundle
from edge_fer_bench.compare import compare_runs
from edge_fer_bench.harness import Harness
from edge_fer_bench.statistics import p90
from edge_fer_bench.suites import QUICK

if TYPE_CHECKING:
    import argparse
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
        holders = {"detect": (pipeline.tracker, "update"), "classify": (pipeline.classifier, "scores")}
        holder, method = holders[self.stage]
        setattr(holder, method, self._slowed(getattr(holder, method)))

    def _slowed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def slower(*arguments: Any) -> Any:
            began = time.perf_counter()
            result = work(*arguments)
            end = began + (time.perf_counter() - began) * (1 + self.share)
            # Spinning, because sleep overshoots by more than the few per cent that are to be found.
            while time.perf_counter() < end:
                pass
            return result

        return slower


def slowed(candidate: Candidate, stage: str, share: float) -> Candidate:
    """Return *candidate* with *stage* slowed down; its worker is this file, see `main`."""
    command = (sys.executable, __file__, "--worker", stage, str(share), *candidate.command[3:])
    return replace(candidate, command=command)


def measure(candidate: Candidate, seed: int) -> Run:
    """Return a run of one candidate."""
    with tempfile.TemporaryDirectory() as folder:
        return Harness(SUITE, Path(folder), ProgressListener(), seed=seed).run([candidate], "benchmarks/power.py")


def compared(first: Candidate, second: Candidate, seed: int) -> dict[str, Any]:
    """Measure both, one after the other, and compare."""
    runs = measure(first, 2 * seed), measure(second, 2 * seed + 1)
    comparison = compare_runs(*runs)
    blamed = comparison.most_changed_stage(first.name)
    changes = {}
    for change in comparison.changes:
        changes[change.what] = [change.ratio.value, change.ratio.low, change.ratio.high, change.p]
    return {
        "p90_ms": [p90(run.measurements[0].frames_ms()) for run in runs],
        "unstable": [[*stability.unstable(run), *stability.unsteady(run.measurements[0])] for run in runs],
        "found": [change.what for change in comparison.significant()],
        "blamed": blamed.what if blamed else None,
        "changes": changes,
    }


def main() -> None:
    """Compare, print a line for each comparison, and save the raw values after each round."""
    if sys.argv[1:2] == ["--worker"]:
        _be_a_worker()
        return
    parser = script.parser(__doc__)
    parser.add_argument("--target", default="openvino-int8")
    parser.add_argument("--tries", type=int, default=20, help="rounds of comparisons")
    parser.add_argument("--slowdown", type=float, default=0.15, help="share of a stage's own time that is added")
    options = parser.parse_args()
    (candidate,) = candidates_of_bundle("cnn-1", bundles.load("cnn-1"), [1], options.target)
    null: list[dict[str, Any]] = []
    planted: dict[str, list[dict[str, Any]]] = {stage: [] for stage in STAGES}
    result = {
        "command": script.command(),
        "host": host.facts(),
        "slowdown": options.slowdown,
        "null": null,
        "planted": planted,
    }
    for seed in range(options.tries):
        null.append(compared(candidate, candidate, seed))
        print("null", _line(null[-1]), flush=True)
        for stage in STAGES:
            planted[stage].append(compared(candidate, slowed(candidate, stage, options.slowdown), seed))
            print(f"{stage} +{options.slowdown:.0%}", _line(planted[stage][-1]), flush=True)
        script.save(result, options.json)


def _be_a_worker() -> None:
    """Answer the harness as ``edge_fer_bench.worker`` does: ``--worker STAGE SHARE``, then a worker's own options."""
    Slowed.stage = sys.argv[2]
    Slowed.share = float(sys.argv[3])
    del sys.argv[1:4]
    worker.main(Slowed)


def _line(comparison: dict[str, Any]) -> str:
    first, second = comparison["p90_ms"]
    unstable = ", unstable" if any(comparison["unstable"]) else ""
    return f"p90 {first:.2f} and {second:.2f} ms; found {comparison['found']}, blamed {comparison['blamed']}{unstable}"


if __name__ == "__main__":
    script.run(main)
