"""Whether a run is worse than a baseline, for scripts: what fails, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.profile import Thresholds
from edge_fer_bench import stability
from edge_fer_bench.compare import compare_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer_bench.results import Measurement, Run


def failures(baseline: Run, run: Run, allowed: Thresholds | None = None) -> list[str]:
    """Return what is worse than *allowed*; nothing when the run passes."""
    return list(_failures(baseline, run, allowed or Thresholds()))


def _failures(baseline: Run, run: Run, allowed: Thresholds) -> Iterator[str]:
    if wrong := stability.invalid(run):
        yield f"the run is invalid: {', '.join(wrong)}"
    if run.partial:
        yield "the run was interrupted"
    compared = compare_runs(baseline, run)
    yield from (f"{name}: not measured any more" for name in compared.lost)
    for change in compared.found():
        if change.what == "frame" and change.ratio.low > 1 and change.ratio.value > 1 + allowed.max_slowdown:
            blame = compared.to_blame(change.measurement)
            where = f", most of it in {blame.what}" if blame else ""
            yield f"{change.measurement}: p90 of a frame is {change.ratio.value:.2f}x the baseline's{where}"
    for measurement in baseline.measurements:
        other = run.measurement(measurement.name)
        if other is not None:
            yield from _measurement(measurement, other, allowed)


def _measurement(before: Measurement, after: Measurement, allowed: Thresholds) -> Iterator[str]:
    if after.golden is not None and not after.golden.passed:
        golden = after.golden
        yield f"{after.name}: golden answers differ by {golden.worst:.4f}, {golden.tolerance:.4f} are allowed"
    if before.peak_memory_mb and after.peak_memory_mb:
        grown = max(after.peak_memory_mb) - max(before.peak_memory_mb)
        if grown > allowed.max_memory_mb:
            yield f"{after.name}: {grown:.0f} MB more memory, {allowed.max_memory_mb:g} are allowed"
    if before.accuracy and after.accuracy and before.accuracy.data == after.accuracy.data:
        lost = 100 * (before.accuracy.accuracy - after.accuracy.accuracy)
        if lost > allowed.max_drop:
            yield f"{after.name}: {lost:.2f} points of accuracy less, {allowed.max_drop:g} are allowed"
