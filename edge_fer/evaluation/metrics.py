"""Accuracy, confusion matrix and macro-F1 of predicted labels; numpy alone, so that a device can compute them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z_95: Final = 1.959964
"""The normal distribution has 95 % of its weight within this many standard deviations of its mean."""


def accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the share of *predicted* that equal *labels*, both ``(n,)`` int64; NaN, and NumPy's warning, for n = 0."""
    return float((predicted == labels).mean())


def confusion(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return the confusion matrix, ``(classes, classes)`` int64: rows are true classes, columns predicted ones."""
    # Each pair of labels is one number, the position of its cell, so that one pass counts them all.
    cells = labels * classes + predicted
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def macro_f1(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> float:
    """Return the unweighted mean of the F1 of each class; *predicted* and *labels* are ``(n,)`` int64.

    As in scikit-learn, the mean is over the classes that occur among the labels or the predictions.
    """
    counts = confusion(predicted, labels, classes)
    occurrences = counts.sum(axis=0) + counts.sum(axis=1)
    return float(mean_f1(np.diag(counts), occurrences))


def mean_f1(hits: NDArray[np.int64], occurrences: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the macro-F1 of each row of counts: ``(..., classes)`` int64 in, ``(...)`` float64 out.

    *hits* are a class's correct predictions, *occurrences* its labels plus its predictions, and F1 = 2 hits /
    occurrences. A class that does not occur is left out of its row's mean.
    """
    occurs = occurrences > 0
    # The classes that do not occur keep the 0 of *out*, which adds nothing to the sum below.
    f1 = np.divide(2 * hits, occurrences, out=np.zeros(hits.shape), where=occurs)
    # At least 1, for a row in which no class occurs: its macro-F1 is 0.
    return np.asarray(f1.sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1))


def interval(share: float, images: int) -> tuple[float, float]:
    """Return the 95 % interval of a *share* of *images*, two shares of 1: the score interval of Wilson, JASA 1927.

    Unlike the usual ± it stays between 0 and 1, and says something where all answers are right. *images* is at least 1.
    """
    spread = Z_95**2 / images
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / images + spread / images / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bracketed(share: float | None, images: int) -> str:
    """Return the 95 % interval of *share* of so many *images*, per cent, in brackets; nothing for None."""
    if share is None or not images:
        return ""
    low, high = interval(share, images)
    return f"[{100 * low:.1f}, {100 * high:.1f}]"
