"""Which target, and how many threads, to use on this board; and whether int8 is worth it here.

A run that was interrupted recommends nothing. One whose figures are doubtful does so only if it is asked to anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.text import counted
from edge_fer_bench import stability
from edge_fer_bench.merit import merits
from edge_fer_bench.results import Measurement, frames_by_block
from edge_fer_bench.statistics import Ratio, block_ratio, mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer_bench.merit import Merit
    from edge_fer_bench.results import Run

MAX_ACCURACY_LOSS: Final = 0.01
"""A target may be this much less accurate than the most accurate one, as a share of the images."""
MAX_FACES_LOST: Final = 0.02
"""A detector may find this much less than the best one, as a share of the faces."""
AS_FAST: Final = 1.03
"""Fewer threads are preferred up to this factor in time: they leave the other cores free."""


@dataclass(frozen=True)
class Recommendation:
    """The best measurement of a run."""

    measurement: Measurement
    p90_ms: float
    int8: Measurement | None
    float32: Measurement | None
    gain: Ratio | None
    """float32's mean frame time divided by int8's, each the fastest of its kind, of one bundle. Above 1 int8 wins."""
    merit: Merit | None = None
    """Its accuracy, as far as it is known."""

    def sentences(self) -> list[str]:
        """Return the recommendation as one or two sentences."""
        best = self.measurement
        threads = counted(best.threads, "thread")
        if best.detection is not None:
            threads += f" and the detector {best.detector}"
        first = f"on this device use {best.bundle} {best.target} with {threads}: p90 {self.p90_ms:.2f} ms a frame"
        if self.merit is not None:
            first += f", accuracy {self.merit.text()} {self.merit.where}"
        if self.gain is None:
            return [first]
        return [first, f"int8 is {self._int8_verdict(self.gain)}"]

    def _int8_verdict(self, gain: Ratio) -> str:
        # Named only where it differs: the recommended bundle may have just one of the two precisions.
        another = ""
        if self.int8 and self.int8.bundle != self.measurement.bundle:
            another = f" ({self.int8.bundle})"
        interval = f"[{gain.low:.2f}, {gain.high:.2f}]"
        figures = f"{gain.value:.2f}x {interval} the frames a second of float32{another}"
        if gain.low > 1:
            return f"worth it here: {figures}"
        if gain.high < 1:
            return f"not worth it here: {figures}"
        # The interval contains 1: the blocks do not show which of the two is faster.
        return f"no faster and no slower here: {figures}; it is smaller"


@dataclass(frozen=True)
class Verdict:
    """What a run says about this board, and how far it can be trusted."""

    best: Recommendation | None
    """The best measurement; None where none is sound."""
    partial: bool
    doubts: tuple[str, ...]
    """Why the best measurement may not be the best."""

    def recommended(self, *, anyway: bool = False) -> Recommendation | None:
        """Return what to use here; None where the run does not say, or is in doubt and nobody asks for it *anyway*."""
        if self.partial or (self.doubts and not anyway):
            return None
        return self.best

    def sentences(self, *, anyway: bool = False) -> list[str]:
        """Return the recommendation as sentences, or why there is none."""
        if self.partial:
            return ["nothing is recommended: the run was interrupted"]
        if self.best is None:
            return ["nothing to recommend: see above"]
        if not self.doubts or anyway:
            return self.best.sentences()
        more = f" (and {len(self.doubts) - 1} more)" if len(self.doubts) > 1 else ""
        why = f"nothing is recommended, since the run is unstable: {self.doubts[0]}{more}"
        return [f"{why}; measure again when the machine has nothing else to do, or pass --anyway"]


def judge(run: Run) -> Verdict:
    """Return what *run* recommends, with the doubts about the run as a whole and about what it recommends."""
    best = find_best(run)
    doubts = [*stability.invalid(run), *stability.unstable(run)]
    if best is not None:
        # Not those of slower measurements: that they were disturbed does not make them faster.
        doubts += [f"{best.measurement.name}: {reason}" for reason in stability.unsteady(best.measurement)]
    return Verdict(best, run.partial, tuple(doubts))


def recommend_target(run: Run, *, anyway: bool = False) -> Recommendation | None:
    """Return what to use on the board of *run*; None where it does not say.

    A run that was interrupted does not say, nor one whose figures are doubtful, unless *anyway* is given.
    """
    return judge(run).recommended(anyway=anyway)


def find_best(run: Run) -> Recommendation | None:
    """Return the fastest measurement whose answers are right; None if there is none.

    Peers, failed measurements, wrong golden answers, accuracies more than `MAX_ACCURACY_LOSS` below the best, and
    detectors that find `MAX_FACES_LOST` less than the best are left out. Among those that are about as fast, the one
    with fewest threads wins.
    """
    sound = list(filter(is_sound, run.measurements))
    accurate = _finding(_accurate(sound))
    if not accurate:
        return None
    # Differences of a few per cent come by chance on a shared machine, so they decide nothing.
    limit_ms = AS_FAST * min(map(Measurement.p90_ms, accurate))
    about_as_fast = [measurement for measurement in accurate if measurement.p90_ms() <= limit_ms]
    best = min(about_as_fast, key=_threads_then_p90)
    # With the same detector, or the two would differ in more than their numbers.
    alike = [measurement for measurement in sound if measurement.detector == best.detector]
    int8, float32 = _int8_and_float32(alike, best.bundle)
    gain = _gain(int8, float32) if int8 and float32 else None
    return Recommendation(best, best.p90_ms(), int8, float32, gain, merits(sound).get(best.name))


def is_sound(measurement: Measurement) -> bool:
    """Return whether *measurement* is one of edge-fer, is complete, and gave the right golden answers."""
    # A peer may be faster, but nobody can run a bundle with it.
    if measurement.kind != "edge-fer" or measurement.failed or not measurement.free:
        return False
    return measurement.golden is None or measurement.golden.passed


def _accurate(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return *measurements* without those that are known to be less accurate than the best of them."""
    known = merits(measurements)
    least = max((merit.share for merit in known.values()), default=0.0) - MAX_ACCURACY_LOSS
    kept: list[Measurement] = []
    for measurement in measurements:
        merit = known.get(measurement.name)
        # Unknown is not bad: where no accuracy is known, every target is compared by its speed alone.
        if merit is None or merit.share >= least:
            kept.append(measurement)
    return kept


def _finding(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return *measurements* without those whose detector is known to find less than the best of them."""
    shares = [_share(measurement) for measurement in measurements]
    least = max((share for share in shares if share is not None), default=0.0) - MAX_FACES_LOST
    kept: list[Measurement] = []
    for measurement, share in zip(measurements, shares, strict=True):
        if share is None or share >= least:
            kept.append(measurement)
    return kept


def _share(measurement: Measurement) -> float | None:
    return measurement.detection.share if measurement.detection else None


def _int8_and_float32(
    measurements: Sequence[Measurement], preferred: str
) -> tuple[Measurement | None, Measurement | None]:
    """Return the fastest int8 and the fastest float32 measurement of one bundle, of *preferred* if it has both."""
    # Of one bundle, since a comparison of two models would not be one of int8 and float32.
    by_bundle: dict[str, list[Measurement]] = {preferred: []}  # the first one to be looked at
    for measurement in measurements:
        by_bundle.setdefault(measurement.bundle, []).append(measurement)
    for of_bundle in by_bundle.values():
        # A fast int8 that lost its accuracy is no argument for int8.
        accurate = _accurate(of_bundle)
        int8 = _fastest(accurate, "-int8")
        float32 = _fastest(accurate, "-float32")
        if int8 and float32:
            return int8, float32
    return None, None


def _fastest(measurements: Sequence[Measurement], precision: str) -> Measurement | None:
    """Return the fastest of the *measurements* whose target ends in *precision*; None if there is none."""
    chosen = [measurement for measurement in measurements if measurement.target.endswith(precision)]
    return min(chosen, key=Measurement.p90_ms, default=None)


def _gain(int8: Measurement, float32: Measurement) -> Ratio:
    # The mean and not the p90: frames a second follow from the mean.
    return block_ratio(frames_by_block(int8.free), frames_by_block(float32.free), mean)


def _threads_then_p90(measurement: Measurement) -> tuple[int, float]:
    return measurement.threads, measurement.p90_ms()
