"""Comparison of two runs of a board: what became slower, by how much, in which stage, and whether by chance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from edge_fer.errors import BadInput
from edge_fer_bench.results import frames_by_block
from edge_fer_bench.statistics import Ratio, block_ratio, holm, mean, p90

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer_bench.results import Measurement, Run

MAX_P: Final = 0.01
"""Largest p-value, adjusted for the number of comparisons, of a change that counts as more than chance."""
MIN_CHANGE: Final = 0.05
"""Smallest relative change that is reported. On a machine with other programs, smaller changes are usually noise."""
MIN_SHARE: Final = 0.01
"""Smallest change of a stage that is reported, as a share of the frame. Stages of a few microseconds differ between
processes by several per cent although nothing has changed."""
WHOLE_FRAME: Final = ("frame", "paced frame")
HOST_FACTS: Final = ("model", "cpu", "cores", "governor", "kernel", "python")
"""Facts about the machine that change its speed."""


@dataclass(frozen=True)
class Change:
    """One figure of one measurement: after divided by before."""

    measurement: str
    what: str
    """``frame``, a stage, or ``paced frame``."""
    ratio: Ratio
    p: float
    """p-value, adjusted for all that was compared."""
    milliseconds: float
    """Difference of the mean times per frame."""
    found: bool
    """Whether it is more than chance, and large enough to matter."""


@dataclass(frozen=True)
class RunComparison:
    """All changes between two runs, and how the machine itself has changed."""

    machine: float
    """Time of the reference workload, after divided by before: above 1 the machine became slower."""
    changes: tuple[Change, ...]
    lost: tuple[str, ...]
    """Measurements of the first run that the second does not have."""
    warnings: tuple[str, ...]
    """Other differences between the runs that may explain changes."""

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as it is in JSON, where a measurement is a ``cell``."""
        changes: list[dict[str, Any]] = []
        for change in self.changes:
            values = asdict(change)
            # The name in the files of format version 2.
            changes.append({"cell": values.pop("measurement"), **values})
        return {**asdict(self), "changes": changes}

    def significant(self) -> list[Change]:
        """Return the changes that are more than chance and large enough to matter, the largest first."""
        significant = [change for change in self.changes if change.found]
        # By milliseconds and not by ratio: a short stage may double and cost nothing.
        return sorted(significant, key=_size_ms, reverse=True)

    def most_changed_stage(self, measurement: str) -> Change | None:
        """Return the stage of *measurement* that changed most; None if no stage changed.

        A stage can change without the p90 of the frame: the slowest tenth of the frames may do other work.
        """
        for change in self.significant():
            if change.measurement == measurement and change.what not in WHOLE_FRAME:
                return change
        return None


def compare_runs(before: Run, after: Run, seed: int = 0) -> RunComparison:
    """Compare each measurement of *before* with the one of the same name in *after*.

    Raises `BadInput` for runs of different scenes: their times say nothing about each other.
    """
    scenes = [run.scene.get("kind", "easy") for run in (before, after)]
    if scenes[0] != scenes[1]:
        raise BadInput(f"the runs show different scenes, {' and '.join(scenes)}; compare runs of one --scene")
    rows: list[_Row] = []
    lost: list[str] = []
    for measurement in before.measurements:
        if not measurement.free:  # it failed in the first run, so there is nothing to compare with
            continue
        other = after.measurement(measurement.name)
        if other is None or not other.free:
            lost.append(measurement.name)
        else:
            rows += _rows(measurement, other, seed)
    # With dozens of comparisons a few small p-values come by chance, so they are adjusted all together.
    adjusted = holm([row.ratio.p for row in rows])
    changes = tuple(row.change(p) for row, p in zip(rows, adjusted, strict=True))
    machine = _reference_workload_ms(after) / _reference_workload_ms(before)
    return RunComparison(machine, changes, tuple(lost), tuple(_warnings(before, after)))


class _Row(NamedTuple):
    """A figure of one measurement, before the number of comparisons is known."""

    measurement: str
    what: str
    ratio: Ratio
    milliseconds: float
    frame_ms: float
    """Mean time of a whole frame, before."""

    def change(self, p: float) -> Change:
        """Return the change with its adjusted p-value *p*."""
        found = p < MAX_P and self._matters()
        return Change(self.measurement, self.what, self.ratio, p, self.milliseconds, found)

    def _matters(self) -> bool:
        """Return whether the change is large enough to be reported, if it is no chance."""
        if self.what not in WHOLE_FRAME and abs(self.milliseconds) < MIN_SHARE * self.frame_ms:
            return False
        if abs(self.ratio.value - 1) <= MIN_CHANGE:
            return False
        # A wide interval that nearly touches 1 is no evidence of a change of this size.
        return self.ratio.low > 1 + MIN_CHANGE / 2 or self.ratio.high < 1 - MIN_CHANGE / 2


def _rows(before: Measurement, after: Measurement, seed: int) -> Iterator[_Row]:
    frame_ms = mean(before.frames_ms())
    name = before.name
    free = frames_by_block(before.free), frames_by_block(after.free)
    # The p90 and not the mean: it is the headline figure, and a user notices slow frames, not average ones.
    yield _Row(name, "frame", block_ratio(*free, p90, seed), _difference_ms(*free), frame_ms)
    for stage in before.free[0].stages_ms:
        # Capturing is the work of the source, not of the frame. A stage of one run alone has nothing to compare with.
        if stage != "capture" and stage in after.free[0].stages_ms:
            both = before.stage(stage), after.stage(stage)
            # A stage below the clock's microsecond has no ratio.
            if not all(any(block) for block in (*both[0], *both[1])):
                continue
            # The mean and not the p90: the means of the stages add up to that of the frame.
            yield _Row(name, stage, block_ratio(*both, mean, seed), _difference_ms(*both), frame_ms)
    if before.paced and after.paced:
        # Paced frames may change alone: between them the processor rests, and its clock may fall.
        paced = frames_by_block(before.paced), frames_by_block(after.paced)
        if not all(any(block) for block in (*paced[0], *paced[1])):  # of a block, every frame may have been dropped
            return
        yield _Row(name, "paced frame", block_ratio(*paced, p90, seed), _difference_ms(*paced), frame_ms)


def _difference_ms(before: list[tuple[float, ...]], after: list[tuple[float, ...]]) -> float:
    return mean(np.concatenate(after)) - mean(np.concatenate(before))


def _size_ms(change: Change) -> float:
    return abs(change.milliseconds)


def _reference_workload_ms(run: Run) -> float:
    """Return the median time of the reference workload in *run*; 1 if it was not timed."""
    times: list[float] = []
    for measurement in run.measurements:
        times += [block.yardstick_ms for block in measurement.free if block.yardstick_ms]
    # The median over all blocks, since other programs disturb some of them.
    return float(np.median(times)) if times else 1.0


def _warnings(before: Run, after: Run) -> Iterator[str]:
    """Yield what else differs between the runs: the machine, the packages, the frames."""
    # Facts that change by themselves, such as heat and load, are left out: they would differ every time.
    for fact in HOST_FACTS:
        yield from _difference(fact, before.host.get(fact), after.host.get(fact))
    packages_before = before.host.get("packages", {})
    packages_after = after.host.get("packages", {})
    for package in sorted(packages_before.keys() | packages_after.keys()):
        yield from _difference(package, packages_before.get(package), packages_after.get(package))
    yield from _difference("frames", before.scene, after.scene)


def _difference(name: str, before: Any, after: Any) -> Iterator[str]:
    if before != after:
        yield f"{name}: {before} before, {after} after"
