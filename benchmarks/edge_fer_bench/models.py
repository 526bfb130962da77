"""Several models on one machine: what each costs, and what it wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer_bench.merit import Merit, merits
from edge_fer_bench.recommendation import is_sound
from edge_fer_bench.results import Measurement, frames_by_block
from edge_fer_bench.statistics import Ratio, block_ratio, mean

if TYPE_CHECKING:
    from edge_fer_bench.results import Run

COLUMNS: Final = ("", "p90 ms", "time", "file MB", "memory MB", "accuracy", "points")
NO_VALUE: Final = "–"


@dataclass(frozen=True)
class ModelFigures:
    """The fastest sound measurement of a bundle, beside that of the fastest bundle."""

    name: str
    p90_ms: float
    time: Ratio | None
    """Mean time of a frame divided by that of the fastest model; None for that one."""
    size_bytes: int | None
    memory_mb: float | None
    merit: Merit | None
    points: float | None
    """Its accuracy minus that of the fastest model, in percentage points."""

    def cells(self) -> tuple[str, ...]:
        """Return its cells under `COLUMNS`."""
        time = "1.00x" if self.time is None else f"{self.time.value:.2f}x [{self.time.low:.2f}, {self.time.high:.2f}]"
        return (
            self.name,
            f"{self.p90_ms:.2f}",
            time,
            f"{self.size_bytes / 1e6:.2f}" if self.size_bytes else NO_VALUE,
            f"{self.memory_mb:.0f}" if self.memory_mb else NO_VALUE,
            self.merit.text() if self.merit else NO_VALUE,
            NO_VALUE if self.points is None else f"{self.points:+.2f}",
        )


def compare_models(run: Run) -> list[ModelFigures]:
    """Return the figures of each bundle of *run*, the fastest first.

    An empty list where the run has fewer than two bundles: there is nothing to choose between.
    """
    best = _fastest(run)
    if len(best) < 2:
        return []
    known = merits(best)
    return [_figures(measurement, best[0], known) for measurement in best]


def table(compared: list[ModelFigures]) -> list[tuple[str, ...]]:
    """Return what is *compared* as rows of cells, `COLUMNS` first; an empty list for nothing."""
    return [COLUMNS, *(figures.cells() for figures in compared)] if compared else []


def _fastest(run: Run) -> list[Measurement]:
    """Return the fastest sound measurement of each bundle, the fastest of them first."""
    by_bundle: dict[str, Measurement] = {}
    for measurement in sorted(filter(is_sound, run.measurements), key=Measurement.p90_ms):
        by_bundle.setdefault(measurement.bundle, measurement)
    return list(by_bundle.values())


def _figures(measurement: Measurement, first: Measurement, known: dict[str, Merit]) -> ModelFigures:
    time = None
    if measurement is not first:
        time = block_ratio(frames_by_block(first.free), frames_by_block(measurement.free), mean)
    merit = known.get(measurement.name)
    reference = known.get(first.name)
    points = None
    if merit is not None and reference is not None and measurement is not first:
        points = 100 * (merit.share - reference.share)
    return ModelFigures(
        name=measurement.name,
        p90_ms=measurement.p90_ms(),
        time=time,
        size_bytes=measurement.size_bytes,
        memory_mb=max(measurement.peak_memory_mb, default=None),
        merit=merit,
        points=points,
    )
