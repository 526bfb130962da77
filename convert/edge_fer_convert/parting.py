"""Finds the layer from which on two forms of one model compute different things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

CLOSE: Final = 1e-2
"""Share of a tensor's largest value by which two forms may differ in it: they add in another order."""


def first_difference(right: dict[str, NDArray[np.float32]], wrong: dict[str, NDArray[np.float32]]) -> str | None:
    """Return the name of the first layer of *right* that *wrong* does not compute; None where that is not known.

    Both hold what the layers compute for the same faces, in the order of execution. Layers are recognised by their
    values: each format has names, fusions and an order of axes of its own. A layer whose values are missing may just
    have been fused with the next, so the answer is the one after the last layer that both have.
    """
    others = [_fingerprint(array) for array in wrong.values()]
    names = list(right)
    last = -1
    for number, name in enumerate(names):
        if _has(others, _fingerprint(right[name])):
            last = number
    # Without any layer in common, the two cannot be compared at all.
    if last == -1 or last == len(names) - 1:
        return None
    return names[last + 1]


def _fingerprint(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of a tensor for each face, sorted, so that the order of its axes does not matter."""
    return np.sort(array.reshape(len(array), -1), axis=1)


def _has(others: Iterable[NDArray[np.float32]], wanted: NDArray[np.float32]) -> bool:
    tolerance = CLOSE * float(np.abs(wanted).max())
    same_size = [other for other in others if other.shape == wanted.shape]
    return any(np.allclose(other, wanted, rtol=0, atol=tolerance) for other in same_size)
