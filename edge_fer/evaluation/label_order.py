"""Finds out whether the outputs of a classifier mean other labels than they are said to mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAIN: Final = 0.05
"""How much mean recall another order must add before it counts. Two swapped labels of seven cost twice that."""
ERRORS: Final = 5.5
"""By how many standard errors it must add that. Of 5,040 orders of seven labels, the best one fits by chance, too."""

MUTUAL: Final = 0.5
"""Share of the classes that move for which their new output must be the most frequent answer."""


@dataclass(frozen=True)
class BetterOrder:
    """An order of the labels that fits the answers much better than the one given."""

    meant: tuple[int, ...]
    """For each output, the position of the label that it seems to mean."""
    before: float
    """Mean recall as the labels are, as a share of 1."""
    after: float
    """Mean recall in the better order."""
    unseen: tuple[int, ...]
    """Positions of the labels of which there is no face: where they belong is not known."""

    def names(self, labels: tuple[str, ...]) -> str:
        """Return *labels* in the better order, separated by commas, as ``--labels`` takes them."""
        return ",".join(labels[position] for position in self.meant)

    def in_words(self, labels: tuple[str, ...]) -> str:
        """Return how much better the order fits, and of which *labels* no face was there, in one clause."""
        text = f"mean recall {self.after:.1%} instead of {self.before:.1%}"
        if self.unseen:
            text += f"; no face of {', '.join(labels[position] for position in self.unseen)} was there to tell"
        return text


def better_order(counts: NDArray[np.int64]) -> BetterOrder | None:
    """Return an order of the labels that fits much better than the one that the answers have; None without one.

    *counts* is the confusion: rows are true classes, columns outputs. A model whose classes are numbered otherwise than
    said recognises faces and gives them the wrong names: then another assignment of labels to outputs (Kuhn, Naval
    Research Logistics 1955) has a far higher mean recall. Recall and not accuracy, because a bad model that answers one
    class for everything would look better under the name of the largest class; its mean recall is the same under every
    name.

    The gain must be at least `GAIN`, and `ERRORS` of its standard errors, so that a few faces make no order. For every
    class that moves, its new output must answer more often than for any other class, and for most of them it must be
    the most frequent answer. A model that is bad on these faces confuses several classes with one, and leaves some
    output without a class of its own.
    """
    images = counts.sum(axis=1)
    seen = np.flatnonzero(images)
    output_of = best_outputs(counts)
    recalls = _recalls(counts)
    moved = seen[output_of[seen] != seen]
    old = recalls[moved, moved]
    new = recalls[moved, output_of[moved]]
    if not _much_better(new, old, images[moved], len(seen)):
        return None
    is_own_output = (new > 0) & (new == recalls[:, output_of[moved]].max(axis=0))
    is_own_answer = new == recalls[moved].max(axis=1)
    if not is_own_output.all() or is_own_answer.mean() < MUTUAL:
        return None
    meant = np.argsort(output_of)
    before = np.diag(recalls)[seen].mean()
    after = recalls[seen, output_of[seen]].mean()
    unseen = np.flatnonzero(images == 0)
    return BetterOrder(tuple(meant.tolist()), float(before), float(after), tuple(unseen.tolist()))


def best_outputs(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return for each class the output that it should have for the highest mean recall; *counts* is the confusion."""
    from scipy.optimize import linear_sum_assignment

    # A little more for the labels as they are, so that a label of which nothing is known stays where it is if it can.
    rows, outputs = linear_sum_assignment(_recalls(counts) + 1e-9 * np.eye(len(counts)), maximize=True)
    return np.asarray(outputs[np.argsort(rows)])


def _much_better(new: NDArray[np.float64], old: NDArray[np.float64], images: NDArray[np.int64], classes: int) -> bool:
    """Return whether the mean recall of *classes* classes is much better with *new* recalls than with *old* ones.

    *new*, *old* and *images*, each ``(n,)``, are of the classes that differ; the others add nothing.
    """
    if not len(new):
        return False
    gain = float((new - old).sum()) / classes
    # The variance of the difference of two shares of the same images. One image more, so that two of two are not taken
    # for certainty.
    variances = (new + old + 1 / images - (new - old) ** 2) / images
    error = float(np.sqrt(variances.sum())) / classes
    return gain >= GAIN and gain >= ERRORS * error


def _recalls(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each class's images that each output answers for; 0 for a class without images."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1), 1)[:, np.newaxis])
