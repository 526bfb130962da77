"""The gate: what quantizing costs, with its uncertainty, and whether that is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.evaluation.metrics import accuracy, confusion, macro_f1, mean_f1

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.votes import FerPlusVotes

RESAMPLES: Final = 2000
"""Number of bootstrap draws; with 2,000, 50 of them lie beyond each end of the interval."""
AGREEMENT: Final = 0.96
"""Share of images with the same label as in float32 that is wanted without labels. This is a weaker check: it shows
that the answers stay the same, not that they are right."""
LABELLED_AGREEMENT: Final = 0.9
"""The same where accuracy is measured, too. Good int8 models agree on 95 to 98 of 100 images; one that agrees on fewer
than this is another model, and has the same accuracy by chance."""
RULE_OF_THREE: Final = 3
TOO_UNCERTAIN: Final = 2.0
"""How many times the allowed drop the uncertainty of a drop may be."""
ROUNDING: Final = 1e-6
"""Points by which a drop may exceed the allowed one."""
CONFIDENCE: Final = 0.95
"""Share of the draws that the interval of a drop holds."""


@dataclass(frozen=True)
class Drop:
    """A drop in percentage points, with the interval that holds it in 95 of 100 draws of such images."""

    points: float
    low: float
    high: float


@dataclass(frozen=True)
class QuantizationComparison:
    """A target beside its own float32, on the same images."""

    images: int
    agreement: float
    """Share of the images for which both choose the same label."""
    accuracy: float | None = None
    """The target's, as a share of 1; None without labels, as everything below."""
    macro_f1: float | None = None
    drop: Drop | None = None
    """Accuracy of float32 minus the target's."""
    f1_drop: Drop | None = None
    before: tuple[tuple[int, ...], ...] = ()
    """Confusion of float32: a row for each true label, a column for each predicted one."""
    after: tuple[tuple[int, ...], ...] = ()
    """Confusion of the target."""
    votes_drop: float | None = None
    """Accuracy of float32 by the votes of FER+ minus the target's, in percentage points; None without votes."""

    def recall_deltas(self) -> list[float]:
        """Return for each class the target's recall minus that of float32, in percentage points."""
        deltas = []
        for label, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            images = max(sum(before), 1)  # a class without images has a recall of zero before and after
            deltas.append(100 * (after[label] - before[label]) / images)
        return deltas


@dataclass(frozen=True)
class Gate:
    """How much a quantized target may lose against its own float32."""

    max_drop: float = 0.5
    """Percentage points of accuracy: by the labels, and by the votes of FER+ where there are any."""
    max_f1_drop: float = 0.5
    """Percentage points of macro-F1."""
    min_agreement: float | None = None
    """Share of images that must get the same label as in float32; None for `AGREEMENT` without labels, and for
    `LABELLED_AGREEMENT` with them."""

    def wanted_agreement(self, *, labelled: bool) -> float:
        """Return the share of images that must get the same label as in float32."""
        if self.min_agreement is not None:
            return self.min_agreement
        return LABELLED_AGREEMENT if labelled else AGREEMENT

    def refuses(self, comparison: QuantizationComparison) -> str | None:
        """Return why *comparison* does not pass, or None when it does."""
        reasons = []
        wanted = self.wanted_agreement(labelled=comparison.drop is not None)
        if comparison.agreement < wanted:
            reasons.append(f"agrees on {comparison.agreement:.2%} of the images, {wanted:.2%} are wanted")
        # Without labels there is no accuracy that could drop.
        if comparison.drop is None or comparison.f1_drop is None:
            return " and ".join(reasons) or None
        if _exceeds(comparison.drop.points, self.max_drop):
            reasons.append(f"loses {comparison.drop.points:.2f} points of accuracy, {self.max_drop:g} are allowed")
        if _exceeds(comparison.f1_drop.points, self.max_f1_drop):
            reasons.append(
                f"loses {comparison.f1_drop.points:.2f} points of macro-F1, {self.max_f1_drop:g} are allowed"
            )
        if comparison.votes_drop is not None and _exceeds(comparison.votes_drop, self.max_drop):
            reasons.append(
                f"loses {comparison.votes_drop:.2f} points of accuracy by FER+ votes, {self.max_drop:g} are allowed"
            )
        return " and ".join(reasons) or None

    def blind_to(self, comparison: QuantizationComparison) -> str | None:
        """Return in words what the images of *comparison* are too few to show, or None when they are enough.

        They are too few when the drop is known only to more than twice `max_drop`: half of its interval, or, where few
        answers differ and the bootstrap has nothing to draw from, the three images in n of the rule of three (Hanley
        and Lippman-Hand, JAMA 1983).
        """
        drop = comparison.drop
        if drop is None:
            return None
        uncertainty = max((drop.high - drop.low) / 2, 100 * RULE_OF_THREE / comparison.images)
        if uncertainty <= TOO_UNCERTAIN * max(self.max_drop, 0):
            return None
        return (
            f"{comparison.images} evaluation images are too few to tell a drop of {self.max_drop:g} points: it is "
            f"{drop.points:+.2f} [{drop.low:+.2f}, {drop.high:+.2f}], known to ±{uncertainty:.1f} points"
        )


def _exceeds(points: float, allowed: float) -> bool:
    # A drop of exactly what is allowed may come out of a division a little above it.
    return points > allowed + ROUNDING


def compare_with_float32(
    scores: NDArray[np.float32],
    reference: NDArray[np.float32],
    labels: NDArray[np.int64] | None,
    seed: int = 0,
    votes: FerPlusVotes | None = None,
) -> QuantizationComparison:
    """Compare ``(n, classes)`` *scores* with those of float32; *labels* ``(n,)`` int64 where there are any.

    With *votes* on the same faces, accuracy by their majority is compared, too.

    The intervals are percentiles of a bootstrap over the images (Efron and Tibshirani, 1993, chapter 13).
    """
    predicted = scores.argmax(axis=1)
    expected = reference.argmax(axis=1)
    agreement = accuracy(predicted, expected)
    if labels is None:
        return QuantizationComparison(len(scores), agreement)
    classes = scores.shape[1]
    # The seed is fixed, so that the same conversion writes the same manifest.
    drops, f1_drops = _resampled_drops(predicted, expected, labels, classes, seed)
    target_accuracy = accuracy(predicted, labels)
    target_f1 = macro_f1(predicted, labels, classes)
    return QuantizationComparison(
        images=len(scores),
        agreement=agreement,
        accuracy=target_accuracy,
        macro_f1=target_f1,
        drop=_drop(accuracy(expected, labels) - target_accuracy, drops),
        f1_drop=_drop(macro_f1(expected, labels, classes) - target_f1, f1_drops),
        before=_as_tuples(confusion(expected, labels, classes)),
        after=_as_tuples(confusion(predicted, labels, classes)),
        votes_drop=100 * (votes.accuracy(reference) - votes.accuracy(scores)) if votes else None,
    )


def _resampled_drops(
    predicted: NDArray[Any], expected: NDArray[Any], labels: NDArray[np.int64], classes: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the drops of accuracy and macro-F1 in `RESAMPLES` draws of the images with replacement.

    Only an image's label and its two predictions matter. So instead of images, the counts of those triples are drawn,
    from a multinomial distribution: the same draws, thousands of times faster.
    """
    # Each triple as one number in base *classes*: label, answer of float32, answer of the target.
    triples = (labels * classes + expected) * classes + predicted
    kinds, counts = np.unique(triples, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(labels), counts / len(labels), RESAMPLES)
    label = kinds // classes**2
    before = kinds // classes % classes
    after = kinds % classes
    right_before = draws[:, before == label].sum(axis=1)
    right_after = draws[:, after == label].sum(axis=1)
    f1_drops = _macro_f1s(draws, label, before, classes) - _macro_f1s(draws, label, after, classes)
    return (right_before - right_after) / len(labels), f1_drops


def _macro_f1s(
    draws: NDArray[np.int64], label: NDArray[Any], prediction: NDArray[Any], classes: int
) -> NDArray[np.float64]:
    """Return the macro-F1 of each draw, ``(draws,)``."""
    hits = np.zeros((len(draws), classes), np.int64)
    occurrences = np.zeros((len(draws), classes), np.int64)
    for number in range(classes):
        # As in scikit-learn, F1 = 2 hits / (images with the label + images with the prediction).
        labelled = label == number
        predicted = prediction == number
        hits[:, number] = draws[:, labelled & predicted].sum(axis=1)
        occurrences[:, number] = draws[:, labelled].sum(axis=1) + draws[:, predicted].sum(axis=1)
    return mean_f1(hits, occurrences)


def _drop(value: float, draws: NDArray[np.float64]) -> Drop:
    """Return a drop of *value*, a fraction of 1, with its percentile interval from the drops in *draws*."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return Drop(100 * value, 100 * float(low), 100 * float(high))


def _as_tuples(counts: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in counts.tolist())
