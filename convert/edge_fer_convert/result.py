"""The result of a conversion: plain data that the bundle, the model card and the report are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_fer.evaluation.metrics import accuracy
from edge_fer.manifest import Evaluation, VotesEvaluation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer_convert.calibration import Calibration
    from edge_fer_convert.contract.check import ContractCheck
    from edge_fer_convert.failures import Failure
    from edge_fer_convert.fallbacks import Attempt
    from edge_fer_convert.gate import Drop
    from edge_fer_convert.job import Job
    from edge_fer_convert.sensitivity import TensorError


@dataclass(frozen=True)
class TargetResult:
    """The result of one target."""

    asked: str
    """The target that was asked for."""
    target: str
    """The target that was made: another one where it fell back to another precision."""
    chosen: Attempt
    attempts: tuple[Attempt, ...]
    worst: tuple[TensorError, ...]
    """Tensors of the best int8 attempt, those that add the most error first."""
    fusion_layers: int
    """Number of layers that join branches and compute in float."""
    computes: str
    """What its heaviest layers compute in on this machine."""
    failures: tuple[Failure, ...] = ()
    """Variants that could not be made, and tensors that could not be read."""
    latency_ms: tuple[float, ...] = ()
    """Of one face on one thread, on this machine."""


@dataclass(frozen=True)
class Conversion:
    """A finished conversion."""

    job: Job
    calibration: Calibration
    images: int
    """Number of images that the targets were compared on."""
    labels: NDArray[np.int64] | None
    """Labels of those images; None where only agreement was measured."""
    deduplicated: NDArray[np.bool_] | None
    """Which of those images have no near-copy in the pool; None where nobody asked."""
    results: tuple[TargetResult, ...]
    tools: dict[str, str]
    """Distribution → version of what quantized."""
    float_bytes: dict[str, int]
    """Runtime → size of its float32 model."""
    contract: ContractCheck | None = None
    """What labelled faces say of the model's input; None where none could be asked."""
    failed: dict[str, Failure] = field(default_factory=dict)
    """Targets that were asked for and could not be made."""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def deduplicated_images(self) -> int | None:
        """Number of images without a near-copy in the pool; None where nobody asked."""
        return None if self.deduplicated is None else int(self.deduplicated.sum())

    @property
    def distinct_results(self) -> tuple[TargetResult, ...]:
        """The results without repetitions: two targets may have fallen back to the same one, and the first stays."""
        by_target: dict[str, TargetResult] = {}
        for result in self.results:
            by_target.setdefault(result.target, result)
        return tuple(by_target.values())

    def target(self, name: str) -> TargetResult:
        """Return the result of the target that was asked for as *name*. Raises `KeyError` when there is none."""
        for result in self.results:
            if result.asked == name:
                return result
        raise KeyError(name)

    def evaluation(self, result: TargetResult) -> Evaluation:
        """Return the figures of *result* as a manifest holds them."""
        comparison = result.chosen.comparison
        measured_on = self.job.measured_on
        return Evaluation(
            data=measured_on.name,
            split=measured_on.split,
            images=comparison.images,
            accuracy=comparison.accuracy,
            macro_f1=comparison.macro_f1,
            fresh_images=self.deduplicated_images,
            fresh_accuracy=self._deduplicated_accuracy(result),
            drop_points=comparison.drop.points if comparison.drop else None,
            drop_interval_points=_interval(comparison.drop),
            f1_drop_points=comparison.f1_drop.points if comparison.f1_drop else None,
            f1_drop_interval_points=_interval(comparison.f1_drop),
            agreement=comparison.agreement,
            votes=self._by_votes(result),
        )

    def _by_votes(self, result: TargetResult) -> VotesEvaluation | None:
        votes = self.job.votes
        drop_points = result.chosen.comparison.votes_drop
        if votes is None or drop_points is None:
            return None
        figures = votes.figures(result.chosen.scores)
        return VotesEvaluation(
            images=figures["images"],
            accuracy_8_classes=figures["accuracy_8_classes"],
            accuracy_7_classes=figures["accuracy_7_classes"],
            macro_recall=figures["macro_recall"],
            calibration_error=figures["calibration_error"],
            drop_points=drop_points,
        )

    def _deduplicated_accuracy(self, result: TargetResult) -> float | None:
        if self.labels is None or self.deduplicated is None or not self.deduplicated.any():
            return None
        predicted = result.chosen.scores.argmax(axis=1)
        return accuracy(predicted[self.deduplicated], self.labels[self.deduplicated])


def _interval(drop: Drop | None) -> tuple[float, float] | None:
    return (drop.low, drop.high) if drop else None
