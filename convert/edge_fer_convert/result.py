"""What a conversion ends in: what became of each target, and the bundle that is written of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_fer import host
from edge_fer.bundle import CalibrationSet, Evaluation
from edge_fer.evaluation.metrics import accuracy
from edge_fer_convert import bundle_writer, model_card, targets

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer_convert.calibration import Calibration
    from edge_fer_convert.fallbacks import Attempt
    from edge_fer_convert.job import Job
    from edge_fer_convert.sensitivity import TensorError


@dataclass(frozen=True)
class TargetResult:
    """What became of one target."""

    asked: str
    target: str
    """The target that it became: another one where it fell back to another precision."""
    chosen: Attempt
    attempts: tuple[Attempt, ...]
    worst: tuple[TensorError, ...]
    fusion_layers: int
    """How many layers join branches and were left in float."""
    computes: str
    latency_ms: tuple[float, ...] = ()
    """One face, one thread, on this machine."""


@dataclass
class Conversion:
    """A finished conversion: everything that the bundle and the report are made of."""

    job: Job
    calibration: Calibration
    images: int
    """How many images the targets were judged on."""
    labels: NDArray[np.int64] | None
    """Of those images; None where only agreement was judged."""
    deduplicated: NDArray[np.bool_] | None
    """Which of those images have no near-copy in the pool."""
    results: list[TargetResult] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=dict)
    float_bytes: dict[str, int] = field(default_factory=dict)
    """Runtime → size of its float32."""
    seconds: float = 0.0

    def target(self, name: str) -> TargetResult:
        """Return what became of the target that was asked for as *name*."""
        return next(result for result in self.results if result.asked == name)

    def evaluation(self, result: TargetResult) -> Evaluation:
        """Return what a manifest says that *result* is worth."""
        judged, data = result.chosen.comparison, self.job.evaluated or self.job.pool
        predicted = result.chosen.scores.argmax(axis=1)
        known = self.labels is not None and self.deduplicated is not None and self.deduplicated.any()
        return Evaluation(
            data=data.name,
            split=data.split,
            images=judged.images,
            accuracy=judged.accuracy,
            macro_f1=judged.macro_f1,
            fresh_images=int(self.deduplicated.sum()) if self.deduplicated is not None else None,
            fresh_accuracy=accuracy(predicted[self.deduplicated], self.labels[self.deduplicated]) if known else None,  # type: ignore[index]
            drop_points=judged.drop.points if judged.drop else None,
            drop_interval_points=(judged.drop.low, judged.drop.high) if judged.drop else None,
            f1_drop_points=judged.f1_drop.points if judged.f1_drop else None,
            f1_drop_interval_points=(judged.f1_drop.low, judged.f1_drop.high) if judged.f1_drop else None,
            agreement=judged.agreement,
        )

    def write(self, folder: Path) -> None:
        """Write the bundle *folder*, which must not exist. Raises `BadInput` when it does, or cannot be written."""
        kept: dict[str, TargetResult] = {}
        for result in self.results:
            kept.setdefault(result.target, result)
        job = self.job
        calibration = CalibrationSet(
            data=job.pool.name,
            images=len(self.calibration.faces),
            seed=job.seed,
            sha256=self.calibration.sha256,
            tools=self.tools,
        )
        artifacts = [
            bundle_writer.Artifact(
                target,
                targets.converter(targets.runtime_of(target)).suffixes,
                result.chosen.files,
                result.chosen.variant.words,
                self.evaluation(result),
            )
            for target, result in kept.items()
        ]
        card = model_card.render(self, list(kept.values()), _machine())
        bundle_writer.write(
            folder, job.name, job.description, job.preprocess, artifacts, job.labels, job.licence, calibration, card
        )


def _machine() -> str:
    facts = host.facts()
    features = " ".join(facts["cpu_features"])
    return f"{facts['model'] or facts['cpu'] or 'unknown'}, {facts['machine']}, {features or 'features unknown'}"
