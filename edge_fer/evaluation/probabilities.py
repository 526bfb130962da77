"""Checks that scores from outside are probabilities; figures of anything else would look right and mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TOLERANCE: Final = 0.05
"""How far the scores of a face may be from summing to one: programs round them, to two digits or to whole percent."""


def as_probabilities(scores: NDArray[np.float64], place: Callable[[int], str]) -> NDArray[np.float64]:
    """Return ``(n, classes)`` *scores* as shares of 1; percentages, whose rows all sum to 100, are divided by 100.

    Raises `BadInput`, which begins with ``place(row)``, for a row that holds NaN, infinity or a negative number, and
    for one that sums to something else.
    """
    _refuse((~np.isfinite(scores)).any(axis=1), scores, place, "hold NaN or infinity; give every class a number")
    _refuse((scores < 0).any(axis=1), scores, place, "hold a negative number, as logits do; put them through a softmax")
    sums = scores.sum(axis=1)
    _refuse(sums == 0, scores, place, "are all 0; where a program finds no face, give every class the same score")
    are_shares = np.abs(sums - 1) <= TOLERANCE
    if are_shares.all():
        return scores
    are_percent = np.abs(sums - 100) <= 100 * TOLERANCE
    if are_percent.all():
        return scores / 100
    # Of a file that mixes both, the rows of the rarer kind.
    expected = are_percent if are_percent.sum() > are_shares.sum() else are_shares
    row = int(np.flatnonzero(~expected)[0])
    raise BadInput(
        f"{place(row)}: the scores sum to {sums[row]:.4g}; they should sum to 1 in every row, or to 100 in every row: "
        "divide each row by its sum, or leave the scores out and give labels"
    )


def _refuse(rows: NDArray[np.bool_] | np.bool_, scores: NDArray[Any], place: Callable[[int], str], fault: str) -> None:
    if rows.any():
        row = int(np.flatnonzero(rows)[0])
        shown = ", ".join(f"{value:.3g}" for value in scores[row][:8])
        raise BadInput(f"{place(row)}: the scores {shown} {fault}")
