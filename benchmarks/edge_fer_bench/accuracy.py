"""What the targets that were judged lose against their own float32, judged on the same machine in the same run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edge_fer_bench.results import Accuracy, Measurement, Run


@dataclass(frozen=True)
class AccuracyRow:
    """One target's, or one peer's. Drops are in percentage points; negative is a gain."""

    name: str
    """Bundle and target."""
    accuracy: float
    macro_f1: float
    against: str = ""
    """The float32 target that it is held against; empty where there is none, or it is that itself."""
    drop: float | None = None
    f1_drop: float | None = None
    agreement: float | None = None
    """Share of the images that get the same label."""
    recall_drops: tuple[float, ...] = ()
    """A value a class."""


def one_a_target(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Return the first of the *measurements* of each bundle's target: the number of threads changes no answer."""
    found: dict[tuple[str, str], Measurement] = {}
    for measurement in measurements:
        found.setdefault((measurement.bundle, measurement.target), measurement)
    return list(found.values())


def accuracy_rows(run: Run) -> list[AccuracyRow]:
    """Return what was judged in *run*, in its order."""
    return list(_accuracy_rows(run))


def worst_class(row: AccuracyRow, names: tuple[str, ...]) -> str:
    """Return the class that loses most, in words; a dash where nothing is known."""
    if not row.recall_drops:
        return "–"
    worst = int(np.argmax(row.recall_drops))
    name = names[worst] if names else f"class {worst}"
    return f"{name} {row.recall_drops[worst]:+.1f}"


def _accuracy_rows(run: Run) -> Iterator[AccuracyRow]:
    for measurement in one_a_target(measurement for measurement in run.measurements if measurement.accuracy):
        name, reference = f"{measurement.bundle} {measurement.target}".strip(), _float32(run, measurement)
        assert measurement.accuracy is not None  # noqa: S101  (chosen so)
        if reference is None or reference.accuracy is None or reference.target == measurement.target:
            yield AccuracyRow(name, measurement.accuracy.accuracy, measurement.accuracy.macro_f1)
        else:
            yield _held_against(name, measurement.accuracy, reference.accuracy, reference.target)


def _held_against(name: str, judged: Accuracy, reference: Accuracy, target: str) -> AccuracyRow:
    return AccuracyRow(
        name,
        judged.accuracy,
        judged.macro_f1,
        target,
        drop=100 * (reference.accuracy - judged.accuracy),
        f1_drop=100 * (reference.macro_f1 - judged.macro_f1),
        agreement=float(np.mean(np.equal(reference.predicted, judged.predicted))),
        recall_drops=tuple(100 * (a - b) for a, b in zip(reference.recall, judged.recall, strict=True)),
    )


def _float32(run: Run, measurement: Measurement) -> Measurement | None:
    """Return the judged float32 target of the same bundle, of the same runtime where there is one."""
    able = [
        other
        for other in run.measurements
        if measurement.target
        and other.bundle == measurement.bundle
        and other.target.endswith("-float32")
        and other.accuracy
    ]
    runtime = measurement.target.split("-")[0]
    return min(able, key=lambda other: not other.target.startswith(runtime), default=None)
