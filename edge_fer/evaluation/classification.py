"""The figures of one classifier on one set of labelled faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer.evaluation.metrics import accuracy, confusion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BINS: Final = 10
FIGURES: Final = ("precision", "recall", "f1", "average_precision")
"""The figures of a class that have a mean over the classes."""


@dataclass(frozen=True)
class ClassMetrics:
    """The figures of one class, each a share of 1."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float
    average_precision: float | None
    """Area under precision against recall, this class against the rest; None without scores or without images."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions whose confidence lies between *low* and *high*."""

    low: float
    high: float
    images: int
    confidence: float
    """Mean of the highest score."""
    accuracy: float


@dataclass(frozen=True)
class ClassificationReport:
    """The figures of one classifier, each a share of 1."""

    images: int
    accuracy: float
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Numbers of images: a row for each true class, a column for each predicted one."""
    reliability: tuple[ReliabilityBin, ...]
    """Empty without scores; bins without a prediction are left out."""

    def mean(self, figure: str, *, weighted: bool = False) -> float | None:
        """Return the mean of *figure*, one of `FIGURES`, over the classes.

        As in scikit-learn, a class counts if it occurs among the labels or the predictions. With *weighted*, each class
        counts by its number of images. None when no class has the figure.
        """
        predictions = np.sum(self.confusion, axis=0)
        values: list[float] = []
        weights: list[int] = []
        for metrics, times_predicted in zip(self.classes, predictions, strict=True):
            value = getattr(metrics, figure)
            occurs = metrics.images > 0 or times_predicted > 0
            if value is not None and occurs:
                values.append(value)
                weights.append(metrics.images if weighted else 1)
        # All weights are 0 where every class with the figure was predicted but has no image.
        return float(np.average(values, weights=weights)) if sum(weights) else None

    @property
    def calibration_error(self) -> float | None:
        """Mean gap between confidence and accuracy over the bins, see `calibration_error`; None without scores."""
        return calibration_error(self.reliability) if self.reliability else None

    def as_dict(self) -> dict[str, Any]:
        """Return all figures for JSON, with their means over the classes."""
        report = asdict(self)
        for figure in FIGURES:
            report[f"macro_{figure}"] = self.mean(figure)
        for figure in FIGURES:
            report[f"weighted_{figure}"] = self.mean(figure, weighted=True)
        report["calibration_error"] = self.calibration_error
        return report


def evaluate(
    scores: NDArray[np.floating[Any]], labels: NDArray[np.int64], names: tuple[str, ...]
) -> ClassificationReport:
    """Compare ``(n, classes)`` *scores* with ``(n,)`` *labels*, which are positions in *names*.

    A classifier that returns labels only is passed as rows of one 1 and zeros; it gets no average precision and no
    calibration error. Raises `BadInput` when shapes do not match, when a face has no label, and when there are none.
    """
    if scores.ndim != 2 or scores.shape != (len(labels), len(names)):
        raise BadInput(f"scores are {scores.shape}; for these faces they should be ({len(labels)}, {len(names)})")
    if not len(labels) or labels.min() < 0:
        raise BadInput("the faces have no labels; pass faces in folders of their class")
    predicted = scores.argmax(axis=1)
    confidence = scores.max(axis=1)
    graded = _graded(scores)
    confusion_rows = confusion(predicted, labels, len(names)).tolist()
    return ClassificationReport(
        images=len(labels),
        accuracy=accuracy(predicted, labels),
        classes=_class_metrics(scores if graded else None, predicted, labels, names),
        confusion=tuple(tuple(row) for row in confusion_rows),
        reliability=reliability_bins(confidence, predicted == labels) if graded else (),
    )


def evaluate_subset(
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    names: tuple[str, ...],
    subset: NDArray[np.bool_] | None,
) -> ClassificationReport | None:
    """Return `evaluate` of the faces in *subset*, ``(n,)`` bool; None without a subset, or for an empty one."""
    if subset is None or not subset.any():
        return None
    return evaluate(scores[subset], labels[subset], names)


def reliability_bins(confidence: NDArray[Any], correct: NDArray[Any]) -> tuple[ReliabilityBin, ...]:
    """Sort predictions into `BINS` bins by their ``(n,)`` *confidence*, 0 to 1; bins without a prediction are left out.

    *correct* are ``(n,)``: whether each prediction is right, or the share of annotators who say so.
    """
    # A confidence of exactly 1 belongs to the last bin, not to one after it.
    indices = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = []
    for index in range(BINS):
        inside = indices == index
        if not inside.any():
            continue
        bins.append(
            ReliabilityBin(
                low=index / BINS,
                high=(index + 1) / BINS,
                images=int(inside.sum()),
                confidence=float(confidence[inside].mean()),
                accuracy=float(correct[inside].mean()),
            )
        )
    return tuple(bins)


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the mean gap of confidence and accuracy of *bins*, by their images (Guo et al., ICML 2017, eq. 3).

    A share of 1. There must be a bin.
    """
    gaps = [abs(entry.confidence - entry.accuracy) for entry in bins]
    return float(np.average(gaps, weights=[entry.images for entry in bins]))


def _graded(scores: NDArray[Any]) -> bool:
    """Return whether *scores* say more than the winning label: whether any loser has a score above 0."""
    losers = scores < scores.max(axis=1, keepdims=True)
    return bool(((scores > 0) & losers).any())


def _class_metrics(
    scores: NDArray[Any] | None, predicted: NDArray[np.int64], labels: NDArray[np.int64], names: tuple[str, ...]
) -> tuple[ClassMetrics, ...]:
    from sklearn.metrics import average_precision_score, precision_recall_fscore_support

    # Without an explicit order, scikit-learn leaves out the classes that do not occur. A class that is never predicted
    # has precision 0, as in most papers.
    order = np.arange(len(names))
    columns = precision_recall_fscore_support(labels, predicted, labels=order, zero_division=0)
    metrics = []
    for index, name, precision, recall, f1, images in zip(order, names, *columns, strict=True):
        average_precision = None
        if scores is not None and images:  # it is not defined for a class without images
            average_precision = float(average_precision_score(labels == index, scores[:, index]))
        metrics.append(ClassMetrics(name, int(images), float(precision), float(recall), float(f1), average_precision))
    return tuple(metrics)
