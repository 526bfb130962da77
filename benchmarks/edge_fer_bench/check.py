"""Whether a run is worse than its baseline: each regression is one sentence, for scripts and CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.profile import Thresholds
from edge_fer_bench import stability
from edge_fer_bench.compare import compare_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer_bench.compare import RunComparison
    from edge_fer_bench.results import Measurement, Run


def find_regressions(baseline: Run, run: Run, allowed: Thresholds | None = None) -> list[str]:
    """Return in which ways *run* is worse than *baseline* beyond *allowed*; an empty list if it passes."""
    allowed = allowed or Thresholds()
    comparison = compare_runs(baseline, run)
    # The reasons that make all others doubtful come first.
    regressions = [*_validity(run)]
    regressions += [f"{name}: not measured in this run" for name in comparison.lost]
    regressions += _slowdowns(comparison, allowed)
    for before in baseline.measurements:
        after = run.measurement(before.name)
        if after is not None:  # a measurement that is missing has been named already
            regressions += _losses(before, after, allowed)
    return regressions


def _validity(run: Run) -> Iterator[str]:
    """Yield why the figures of *run* cannot be trusted."""
    reasons = stability.invalid(run)
    if reasons:
        yield f"the run is invalid: {', '.join(reasons)}"
    # What an interrupted run did measure may be right, but what it left out could hide anything.
    if run.partial:
        yield "the run was interrupted"


def _slowdowns(comparison: RunComparison, allowed: Thresholds) -> Iterator[str]:
    """Yield the measurements whose frames became slower: beyond chance, and by more than is allowed."""
    for change in comparison.significant():
        # Only whole frames fail a run: a stage that slows down without slowing the frame harms nobody.
        if change.what != "frame" or change.ratio.value <= 1 + allowed.max_slowdown or change.ratio.low <= 1:
            continue
        stage = comparison.most_changed_stage(change.measurement)
        where = f", most of it in {stage.what}" if stage else ""
        yield f"{change.measurement}: p90 of a frame is {change.ratio.value:.2f}x the baseline's{where}"


def _losses(before: Measurement, after: Measurement, allowed: Thresholds) -> Iterator[str]:
    """Yield what one measurement lost besides time: right golden answers, memory, accuracy."""
    # Wrong whatever the baseline says: golden answers have a tolerance of their own.
    if after.golden is not None and not after.golden.passed:
        golden = after.golden
        yield f"{after.name}: golden answers differ by {golden.worst:.4f}, {golden.tolerance:.4f} is allowed"
    if before.peak_memory_mb and after.peak_memory_mb:
        # The largest of several starts: a board must have this much memory in the worst case.
        grown_mb = max(after.peak_memory_mb) - max(before.peak_memory_mb)
        if grown_mb > allowed.max_memory_mb:
            yield f"{after.name}: {grown_mb:.0f} MB more memory, {allowed.max_memory_mb:g} MB is allowed"
    # Accuracies on different data say nothing about each other.
    if before.accuracy and after.accuracy and before.accuracy.data == after.accuracy.data:
        drop = 100 * (before.accuracy.accuracy - after.accuracy.accuracy)
        if drop > allowed.max_drop:
            yield f"{after.name}: accuracy is {drop:.2f} points lower, {allowed.max_drop:g} is allowed"
