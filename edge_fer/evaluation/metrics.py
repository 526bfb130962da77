"""What a model is worth on a labelled set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return the share of *predicted* that are *labels*, both ``(n,)`` int64."""
    return float((predicted == labels).mean())


def confusion(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return ``(classes, classes)`` counts, a row a true label, a column a predicted one."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def macro_f1(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> float:
    """Return the unweighted mean of the classes' F1, of *predicted* and *labels*, both ``(n,)`` int64.

    As in scikit-learn, the mean is over the classes that occur among the labels or the predictions.
    """
    table = confusion(predicted, labels, classes)
    return float(mean_f1(np.diag(table), table.sum(axis=0) + table.sum(axis=1)))


def mean_f1(hits: NDArray[np.int64], occurrences: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the macro-F1 of each row of counts, ``(..., classes)`` int64 in, ``(...)`` float64 out.

    *hits* counts a class's right predictions, *occurrences* its labels plus its predictions; F1 is twice the first over
    the second. A class that does not occur is left out of its row's mean.
    """
    occurs = occurrences > 0
    each = np.divide(2 * hits, occurrences, out=np.zeros(hits.shape), where=occurs)
    return np.asarray(each.sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1))
