"""What to use on this board, and whether int8 is worth it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer_bench.statistics import Ratio, block_ratio, p90

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_fer_bench.results import Measurement, Run

ACCURACY_LOSS: Final = 0.01
"""How far below the most accurate one a target may be."""
AS_FAST: Final = 1.03
"""Up to so much slower, fewer threads are the better choice: they leave the other cores alone."""


@dataclass(frozen=True)
class Recommendation:
    """The best measurement of a run."""

    measurement: Measurement
    p90_ms: float
    int8: Measurement | None
    float32: Measurement | None
    gain: Ratio | None
    """float32's mean frame over int8's, each the fastest of its kind and of one bundle: above 1 int8 is faster."""

    def sentences(self) -> list[str]:
        """Return it in words."""
        measurement, worth = self.measurement, self.measurement.accuracy
        judged = f", accuracy {worth.accuracy:.2%} on {worth.data}" if worth else ""
        threads = f"{measurement.threads} thread{'s' if measurement.threads > 1 else ''}"
        what = f"{measurement.bundle} {measurement.target} with {threads}"
        first = f"on this device use {what}: p90 {self.p90_ms:.2f} ms a frame{judged}"
        return [first, *([f"int8 is {self._worth(self.gain)}"] if self.gain else [])]

    def _worth(self, gain: Ratio) -> str:
        another = f" ({self.int8.bundle})" if self.int8 and self.int8.bundle != self.measurement.bundle else ""
        span = f"{gain.value:.2f}x [{gain.low:.2f}, {gain.high:.2f}] the frames a second of float32{another}"
        if gain.low > 1:
            return f"worth it here: {span}"
        if gain.high < 1:
            return f"not worth it here: {span}"
        return f"no faster and no slower here: {span}; it is smaller"


def recommend(run: Run) -> Recommendation | None:
    """Return the fastest measurement of edge-fer's that answers right; None when there is none."""
    sound = [
        measurement
        for measurement in run.measurements
        if measurement.kind == "edge-fer"
        and measurement.free
        and not measurement.failed
        and (measurement.golden is None or measurement.golden.passed)
    ]
    able = _accurate(sound)
    if not able:
        return None
    fastest = min(p90(measurement.frames_ms()) for measurement in able)
    near = [measurement for measurement in able if p90(measurement.frames_ms()) <= AS_FAST * fastest]
    chosen = min(near, key=lambda measurement: (measurement.threads, p90(measurement.frames_ms())))
    int8, float32 = _pair(sound, chosen.bundle)
    gain = None
    if int8 and float32:
        gain = block_ratio(
            [b.frame_ms for b in int8.free], [b.frame_ms for b in float32.free], lambda v: float(v.mean())
        )
    return Recommendation(chosen, p90(chosen.frames_ms()), int8, float32, gain)


def _accurate(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Leave out those that are known to answer less well than the best of *measurements*."""
    best = max((measurement.accuracy.accuracy for measurement in measurements if measurement.accuracy), default=0.0)
    return [
        measurement
        for measurement in measurements
        if measurement.accuracy is None or measurement.accuracy.accuracy >= best - ACCURACY_LOSS
    ]


def _pair(measurements: Sequence[Measurement], preferred: str) -> tuple[Measurement | None, Measurement | None]:
    """Return the fastest int8 and float32 measurement of *preferred*, or of a bundle that has both."""
    for bundle in dict.fromkeys([preferred, *(measurement.bundle for measurement in measurements)]):
        same = _accurate([measurement for measurement in measurements if measurement.bundle == bundle])
        int8, float32 = (
            _fastest(measurement for measurement in same if measurement.target.endswith(f"-{p}"))
            for p in ("int8", "float32")
        )
        if int8 and float32:
            return int8, float32
    return None, None


def _fastest(measurements: Iterable[Measurement]) -> Measurement | None:
    return min(measurements, key=lambda measurement: p90(measurement.frames_ms()), default=None)
