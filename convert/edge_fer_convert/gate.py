"""The gate: what quantizing cost, with its uncertainty, and whether that is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.evaluation.metrics import accuracy, confusion, macro_f1, mean_f1

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES: Final = 2000
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Loss:
    """A drop in percentage points, with the interval that holds it in 95 of 100 draws of such images."""

    points: float
    low: float
    high: float


@dataclass(frozen=True)
class QuantizationComparison:
    """A target beside its own float32, on the same images."""

    images: int
    agreement: float
    """Share of images on which both choose the same label."""
    accuracy: float | None = None
    macro_f1: float | None = None
    drop: Loss | None = None
    f1_drop: Loss | None = None
    before: tuple[tuple[int, ...], ...] = ()
    """Confusion of float32: a row a true label, a column a predicted one."""
    after: tuple[tuple[int, ...], ...] = ()
    """Confusion of the target."""

    def recall_deltas(self) -> list[float]:
        """Return, for each class, its recall after minus before, in percentage points."""
        before, after = (np.array(table, float) for table in (self.before, self.after))
        counts = np.maximum(before.sum(axis=1), 1)
        return [float(delta) for delta in 100 * (np.diag(after) - np.diag(before)) / counts]


@dataclass(frozen=True)
class Gate:
    """What a quantized target may lose against its own float32."""

    max_drop: float = 0.5
    """Percentage points of accuracy."""
    max_f1_drop: float = 0.5
    """Percentage points of macro-F1."""
    min_agreement: float = 0.96
    """Share of images with the same label; what counts where there are no labels. A weaker check: it says that the
    answers are the same, not that they are right."""

    def refuses(self, comparison: QuantizationComparison) -> str | None:
        """Return why *comparison* does not pass, or None when it does."""
        if comparison.drop is None or comparison.f1_drop is None:
            if comparison.agreement >= self.min_agreement:
                return None
            return f"agrees on {comparison.agreement:.2%} of the images, {self.min_agreement:.2%} are wanted"
        wrong = []
        if comparison.drop.points > self.max_drop:
            wrong.append(f"loses {comparison.drop.points:.2f} points of accuracy, {self.max_drop:g} are allowed")
        if comparison.f1_drop.points > self.max_f1_drop:
            wrong.append(f"loses {comparison.f1_drop.points:.2f} points of macro-F1, {self.max_f1_drop:g} are allowed")
        return " and ".join(wrong) or None


def compare_with_float32(
    scores: NDArray[np.float32], reference: NDArray[np.float32], labels: NDArray[np.int64] | None, seed: int = 0
) -> QuantizationComparison:
    """Compare ``(n, classes)`` *scores* with those of float32; *labels* ``(n,)`` int64 where there are any."""
    predicted, expected = scores.argmax(axis=1), reference.argmax(axis=1)
    agreement = accuracy(predicted, expected)
    if labels is None:
        return QuantizationComparison(len(scores), agreement)
    classes = scores.shape[1]
    drops, f1_drops = _resampled(predicted, expected, labels, classes, seed)
    own, own_f1 = accuracy(predicted, labels), macro_f1(predicted, labels, classes)
    return QuantizationComparison(
        images=len(scores),
        agreement=agreement,
        accuracy=own,
        macro_f1=own_f1,
        drop=_loss(accuracy(expected, labels) - own, drops),
        f1_drop=_loss(macro_f1(expected, labels, classes) - own_f1, f1_drops),
        before=_table(confusion(expected, labels, classes)),
        after=_table(confusion(predicted, labels, classes)),
    )


def _resampled(
    predicted: NDArray[Any], expected: NDArray[Any], labels: NDArray[np.int64], classes: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the drops of accuracy and macro-F1 in `RESAMPLES` draws of the images with replacement.

    All that matters of an image is its label and the two answers, so drawing images is drawing from the counts of those
    triples: a multinomial.
    """
    cells = (labels * classes + expected) * classes + predicted
    kinds, counts = np.unique(cells, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(labels), counts / len(labels), RESAMPLES)
    label, before, after = kinds // classes**2, kinds // classes % classes, kinds % classes
    found_before, found_after = (drawn[:, answer == label].sum(axis=1) for answer in (before, after))
    f1_before, f1_after = (_f1(drawn, label, answer, classes) for answer in (before, after))
    return (found_before - found_after) / len(labels), f1_before - f1_after


def _f1(drawn: NDArray[np.int64], label: NDArray[Any], answer: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """Return the macro-F1 of each draw, ``(draws,)``."""
    hits = np.zeros((len(drawn), classes), np.int64)
    occurrences = np.zeros((len(drawn), classes), np.int64)
    for number in range(classes):
        labelled, predicted = label == number, answer == number
        hits[:, number] = drawn[:, labelled & predicted].sum(axis=1)
        occurrences[:, number] = drawn[:, labelled].sum(axis=1) + drawn[:, predicted].sum(axis=1)
    return mean_f1(hits, occurrences)


def _loss(value: float, draws: NDArray[np.float64]) -> Loss:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return Loss(100 * value, 100 * float(low), 100 * float(high))


def _table(counts: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(n) for n in row) for row in counts)


def better_order(counts: NDArray[np.int64]) -> list[int] | None:
    """Return for each output the label that it seems to mean, when that is another than the one it is given.

    *counts* is the confusion of float32. Whoever numbers the classes otherwise than the data does gets a model that is
    right about faces and wrong about their names: then some permutation is far better than none.
    """
    from scipy.optimize import linear_sum_assignment

    labels, outputs = linear_sum_assignment(counts, maximize=True)
    total = counts.sum()
    if counts[labels, outputs].sum() - np.trace(counts) < 0.1 * total:
        return None
    meant = [0] * len(counts)
    for label, output in zip(labels, outputs, strict=True):
        meant[output] = int(label)
    return meant
