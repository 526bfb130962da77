"""Finds out whether the outputs of a classifier mean other labels than they are said to mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.emotions import FER2013, meaning

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAIN: Final = 0.05
"""How much mean recall another order must add before it counts. Two swapped labels of seven cost twice that."""
ERRORS: Final = 5.5
"""By how many standard errors it must add that. Of 5,040 orders of seven labels, the best one fits by chance, too."""

USUAL_ERRORS: Final = 4.0
"""The same for the handful of orders that data sets have: fewer can fit by chance."""
USUAL: Final = (
    (*FER2013, "contempt"),
    ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
    ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"),
    ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"),
    ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise"),
)
"""The orders of FER2013, the alphabet, FER+, AffectNet, RAF-DB and CK+, each without the classes that a model lacks."""
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


def better_order(counts: NDArray[np.int64], names: tuple[str, ...] = ()) -> BetterOrder | None:
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

    A model that hardly ever answers one class, as many do with disgust, leaves its output without a class, too. So
    where *names* are given, the labels as they are said to be, the `USUAL` orders are tried as well. They need the gain
    alone.
    """
    return _freely_better(counts) or _usual_and_better(counts, names)


def _freely_better(counts: NDArray[np.int64]) -> BetterOrder | None:
    output_of = best_outputs(counts)
    moved = _moved(counts, output_of)
    if not _much_better(counts, output_of, ERRORS):
        return None
    recalls = _recalls(counts)
    new = recalls[moved, output_of[moved]]
    is_own_output = (new > 0) & (new == recalls[:, output_of[moved]].max(axis=0))
    is_own_answer = new == recalls[moved].max(axis=1)
    if not is_own_output.all() or is_own_answer.mean() < MUTUAL:
        return None
    return _order(counts, output_of)


def _usual_and_better(counts: NDArray[np.int64], names: tuple[str, ...]) -> BetterOrder | None:
    classes = [meaning(name) for name in names]
    found = []
    for usual in USUAL:
        order = [name for name in usual if name in classes]
        if len(order) == len(counts) == len(classes):
            output_of = np.array([order.index(name) for name in classes])
            if _much_better(counts, output_of, USUAL_ERRORS):
                found.append(_order(counts, output_of))
    return max(found, key=lambda order: order.after, default=None)


def _order(counts: NDArray[np.int64], output_of: NDArray[np.intp]) -> BetterOrder:
    """Return the order in which *output_of* gives each class its output."""
    images = counts.sum(axis=1)
    seen = np.flatnonzero(images)
    recalls = _recalls(counts)
    before = np.diag(recalls)[seen].mean()
    after = recalls[seen, output_of[seen]].mean()
    unseen = np.flatnonzero(images == 0)
    meant = np.argsort(output_of)
    return BetterOrder(tuple(meant.tolist()), float(before), float(after), tuple(unseen.tolist()))


def best_outputs(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return for each class the output that it should have for the highest mean recall; *counts* is the confusion."""
    from scipy.optimize import linear_sum_assignment

    # A little more for the labels as they are, so that a label of which nothing is known stays where it is if it can.
    rows, outputs = linear_sum_assignment(_recalls(counts) + 1e-9 * np.eye(len(counts)), maximize=True)
    return np.asarray(outputs[np.argsort(rows)])


def _moved(counts: NDArray[np.int64], output_of: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the classes with faces to which *output_of* gives another output than now."""
    seen = np.flatnonzero(counts.sum(axis=1))
    return np.asarray(seen[output_of[seen] != seen])


def _much_better(counts: NDArray[np.int64], output_of: NDArray[np.intp], errors: float) -> bool:
    """Return whether the mean recall gains `GAIN` by *output_of*, and *errors* standard errors of that gain."""
    moved = _moved(counts, output_of)
    if not len(moved):
        return False
    recalls = _recalls(counts)
    old = recalls[moved, moved]
    new = recalls[moved, output_of[moved]]
    images = counts.sum(axis=1)
    classes = int(np.count_nonzero(images))
    gain = float((new - old).sum()) / classes
    # The variance of the difference of two shares of the same images. One image more, so that two of two are not taken
    # for certainty.
    variances = (new + old + 1 / images[moved] - (new - old) ** 2) / images[moved]
    error = float(np.sqrt(variances.sum())) / classes
    return bool(gain >= GAIN and gain >= errors * error)


def _recalls(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each class's images that each output answers for; 0 for a class without images."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1), 1)[:, np.newaxis])
