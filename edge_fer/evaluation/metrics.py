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
    """Return the unweighted mean of the classes' F1; a class that neither occurs nor is predicted counts 0."""
    table = confusion(predicted, labels, classes)
    found, whole = np.diag(table), table.sum(axis=0) + table.sum(axis=1)
    return float(np.divide(2 * found, whole, out=np.zeros(classes), where=whole > 0).mean())
