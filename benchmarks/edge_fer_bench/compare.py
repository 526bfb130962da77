"""Two runs of a board beside each other: what became slower, by how much, in which stage, and whether by chance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from edge_fer_bench.statistics import Ratio, block_ratio, holm, p90

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer_bench.results import Measurement, Run

SIGNIFICANT: Final = 0.01
"""Largest p, adjusted for the number of comparisons, of what is reported as different."""
MATTERS: Final = 0.05
"""Smallest change that is reported; less is not worth a second look on a machine with other programs."""
NOTICED: Final = 0.01
"""Smallest share of a frame that a stage's change is reported for. Stages of some microseconds differ from process to
process by several per cent, with nothing changed."""
WHOLE: Final = ("frame", "paced frame")


@dataclass(frozen=True)
class Change:
    """One figure of one measurement, after over before."""

    measurement: str
    what: str
    """``frame``, a stage, or ``paced frame``."""
    ratio: Ratio
    p: float
    """Adjusted for all that was compared."""
    milliseconds: float
    """Difference of the means of a frame's time in it."""
    found: bool
    """Whether it is more than chance, and enough to matter."""


@dataclass(frozen=True)
class RunComparison:
    """All changes, and how the machine itself has changed."""

    machine: float
    """Its pace, after over before, by the yardstick: above 1 it became slower."""
    changes: tuple[Change, ...]
    lost: tuple[str, ...]
    """Cells of the first run that the second has not."""
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it, where a measurement is a ``cell``."""
        changes = []
        for change in self.changes:
            values = asdict(change)
            changes.append({"cell": values.pop("measurement"), **values})
        return {**asdict(self), "changes": changes}

    def found(self) -> list[Change]:
        """Return what is different, the largest first."""
        return sorted((c for c in self.changes if c.found), key=lambda change: -abs(change.milliseconds))

    def to_blame(self, measurement: str) -> Change | None:
        """Return the stage of *measurement* that changed most; None when none did.

        A stage may be slower and the p90 of a frame not tell: where the slowest tenth of the frames does other work.
        """
        stages = [c for c in self.found() if c.measurement == measurement and c.what not in WHOLE]
        return stages[0] if stages else None


def compare_runs(before: Run, after: Run, seed: int = 0) -> RunComparison:
    """Compare each measurement of *before* with that of the same name in *after*."""
    pairs = [
        (measurement, after.measurement(measurement.name)) for measurement in before.measurements if measurement.free
    ]
    compared = [
        row
        for measurement, other in pairs
        if other is not None and other.free
        for row in _rows(measurement, other, seed)
    ]
    adjusted = holm([row.ratio.p for row in compared])
    changes = tuple(
        Change(row.measurement, row.what, row.ratio, p, row.milliseconds, found=p < SIGNIFICANT and row.matters())
        for row, p in zip(compared, adjusted, strict=True)
    )
    lost = tuple(measurement.name for measurement, other in pairs if other is None or not other.free)
    return RunComparison(_pace(after) / _pace(before), changes, lost, tuple(_warnings(before, after)))


class _Row(NamedTuple):
    """A figure of one measurement, before it is known how many are compared."""

    measurement: str
    what: str
    ratio: Ratio
    milliseconds: float
    frame_ms: float
    """A whole frame's mean, before."""

    def matters(self) -> bool:
        """Return whether it is large enough to be reported, were it certain."""
        unnoticed = self.what not in WHOLE and abs(self.milliseconds) < NOTICED * self.frame_ms
        if unnoticed or abs(self.ratio.value - 1) <= MATTERS:
            return False
        return self.ratio.low > 1 + MATTERS / 2 or self.ratio.high < 1 - MATTERS / 2


def _rows(before: Measurement, after: Measurement, seed: int) -> Iterator[_Row]:
    first, second = ([block.frame_ms for block in measurement.free] for measurement in (before, after))
    frame_ms = _mean(np.concatenate(first))
    yield _Row(before.name, "frame", block_ratio(first, second, p90, seed), _apart(first, second), frame_ms)
    for stage in before.free[0].stages_ms.keys() & after.free[0].stages_ms.keys():
        if stage != "capture":
            mine, theirs = before.stage(stage), after.stage(stage)
            yield _Row(before.name, stage, block_ratio(mine, theirs, _mean, seed), _apart(mine, theirs), frame_ms)
    if before.paced and after.paced:
        first, second = ([block.frame_ms for block in measurement.paced] for measurement in (before, after))
        yield _Row(before.name, "paced frame", block_ratio(first, second, p90, seed), _apart(first, second), frame_ms)


def _apart(before: list[tuple[float, ...]], after: list[tuple[float, ...]]) -> float:
    return float(np.mean(np.concatenate(after)) - np.mean(np.concatenate(before)))


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values))


def _pace(run: Run) -> float:
    paces = [block.yardstick_ms for measurement in run.measurements for block in measurement.free if block.yardstick_ms]
    return float(np.median(paces)) if paces else 1.0


def _warnings(before: Run, after: Run) -> Iterator[str]:
    for fact in ("model", "cpu", "cores", "governor", "kernel", "python"):
        then, now = before.host.get(fact), after.host.get(fact)
        if then != now:
            yield f"{fact}: {then} before, {now} after"
    packages = before.host.get("packages", {}), after.host.get("packages", {})
    for name in sorted(packages[0].keys() | packages[1].keys()):
        then, now = (found.get(name) for found in packages)
        if then != now:
            yield f"{name}: {then} before, {now} after"
    if before.scene != after.scene:
        yield f"other frames: {before.scene} before, {after.scene} after"
