"""Figures of one classifier on one set of labelled faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.metrics import accuracy, confusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True)
class ClassMetrics:
    """Figures of one class, as shares of 1."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float
    average_precision: float | None
    """Area under precision against recall, one against the rest; None without scores, or without an image of it."""


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies between *low* and *high*."""

    low: float
    high: float
    images: int
    confidence: float
    """Mean of the winning score."""
    accuracy: float


@dataclass(frozen=True)
class ClassificationReport:
    """Figures of a classifier, as shares of 1."""

    images: int
    accuracy: float
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    """A row a true label, a column a predicted one."""
    reliability: tuple[Bin, ...]
    """Empty without scores."""

    def mean(self, figure: str, *, weighted: bool = False) -> float | None:
        """Return the mean of *figure* (``precision``, ``recall``, ``f1``, ``average_precision``) over the classes.

        As in scikit-learn, over the classes that occur among the labels or the predictions; *weighted* by the number of
        their images where asked. None where no class has the figure.
        """
        predicted = np.sum(self.confusion, axis=0)
        values: list[float] = []
        weights: list[int] = []
        for metrics, times_predicted in zip(self.classes, predicted, strict=True):
            value = getattr(metrics, figure)
            if value is not None and (metrics.images or times_predicted):
                values.append(value)
                weights.append(metrics.images if weighted else 1)
        return float(np.average(values, weights=weights)) if sum(weights) else None

    @property
    def calibration_error(self) -> float | None:
        """Mean difference between confidence and accuracy, weighted by the bins' images (Guo et al., ICML 2017)."""
        if not self.reliability:
            return None
        gaps = [abs(b.confidence - b.accuracy) * b.images for b in self.reliability]
        return float(sum(gaps) / self.images)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures for JSON, means included."""
        figures = ("precision", "recall", "f1", "average_precision")
        means = {f"macro_{f}": self.mean(f) for f in figures}
        means |= {f"weighted_{f}": self.mean(f, weighted=True) for f in figures}
        return {**asdict(self), **means, "calibration_error": self.calibration_error}


def evaluate(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.int64], names: tuple[str, ...]
) -> ClassificationReport:
    """Judge ``(n, classes)`` *scores* against ``(n,)`` *labels*; a row of one 1 and zeros is an answer without scores.

    Raises `BadInput` for shapes that do not fit, labels that are none, and an empty set.
    """
    if scores.ndim != 2 or scores.shape != (len(labels), len(names)):
        raise BadInput(f"scores are {scores.shape}; for these faces they should be ({len(labels)}, {len(names)})")
    if not len(labels) or labels.min() < 0:
        raise BadInput("the faces have no labels; pass faces in folders of their class")
    predicted = scores.argmax(axis=1)
    scored = bool(((scores > 0) & (scores < scores.max(axis=1, keepdims=True))).any())
    return ClassificationReport(
        images=len(labels),
        accuracy=accuracy(predicted, labels),
        classes=tuple(_classes(scores if scored else None, predicted, labels, names)),
        confusion=tuple(tuple(row) for row in confusion(predicted, labels, len(names)).tolist()),
        reliability=_reliability(scores.max(axis=1), predicted == labels) if scored else (),
    )


def _classes(
    scores: NDArray[Any] | None, predicted: NDArray[np.int64], labels: NDArray[np.int64], names: tuple[str, ...]
) -> list[ClassMetrics]:
    from sklearn.metrics import average_precision_score, precision_recall_fscore_support

    order = np.arange(len(names))
    columns = precision_recall_fscore_support(labels, predicted, labels=order, zero_division=0)
    found = []
    for index, name, precision, recall, f1, images in zip(order, names, *columns, strict=True):
        average = None
        if scores is not None and images:
            average = float(average_precision_score(labels == index, scores[:, index]))
        found.append(ClassMetrics(name, int(images), float(precision), float(recall), float(f1), average))
    return found


def _reliability(confidence: NDArray[Any], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            low=at / BINS,
            high=(at + 1) / BINS,
            images=int((index == at).sum()),
            confidence=float(confidence[index == at].mean()),
            accuracy=float(right[index == at].mean()),
        )
        for at in range(BINS)
        if (index == at).any()
    )
