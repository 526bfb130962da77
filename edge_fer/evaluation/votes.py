"""The votes of FER+: ten annotators per image of FER2013, instead of one label (Barsoum et al., ICMI 2016).

An image has ``(10,)`` counts of votes in the order of `VOTES`. From these follow its majority label and its
distribution over FER2013's seven classes, and with them the figures of a classifier: accuracy by the "majority"
protocol of the paper, and the distance of its scores from the distributions.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.emotions import FER2013, find, meaning
from edge_fer.errors import BadInput
from edge_fer.evaluation.classification import calibration_error, reliability_bins
from edge_fer.evaluation.metrics import confusion
from edge_fer.evaluation.tables import has_columns, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces

VOTES: Final = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
"""What FER+ annotators could vote for: eight emotions, unknown, and no face."""
VOTE_OF_CLASS: Final = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness", "sad": "sadness",
    "surprise": "surprise", "neutral": "neutral",
}  # fmt: skip
"""The name that FER+ gives to each class of `FER2013`, in the order of these."""
CONTEMPT: Final = len(FER2013)
"""The majority label of contempt, which is no class of FER2013."""
MOST_VOTES: Final = 1000
"""Votes of one kind for an image, at most; FER+ has ten annotators."""
LEFT_OUT: Final = -1
"""The majority label of an image that the protocol leaves out."""

_COLUMNS: Final = [VOTES.index(vote) for vote in VOTE_OF_CLASS.values()]


def load_votes(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read FER+ votes as image → ``(10,)`` counts in the order of `VOTES`.

    The column ``path`` names an image. Microsoft's own ``fer2013new.csv`` has the rows of ``fer2013.csv``; there an
    image is named by its ``Image name`` and by its line, ``line 2`` for the first. A vote's column may have any name of
    its emotion. Raises `BadInput` for another csv, and for an image that has other votes in a later line.
    """
    is_own_form = has_columns(path, ("path",))
    name = "path" if is_own_form else "Image name"
    counts: dict[str, NDArray[np.float32]] = {}
    lines: dict[str, int] = {}
    for line, row in read_rows(path, (name, *VOTES), "table of FER+ votes", key=meaning):
        votes = np.array([_count(path, line, vote, row[vote]) for vote in VOTES], np.float32)
        if not is_own_form:
            counts[f"line {line}"] = votes
        image = row[name].strip().replace("\\", "/")
        if not image:  # Microsoft gives no name to an image without a face
            continue
        first = lines.setdefault(image, line)
        if not np.array_equal(counts.setdefault(image, votes), votes):
            raise BadInput(f"{path}, line {line}: other votes on {image[:80]} than in line {first}; remove one of them")
    return counts


def _count(path: Path, line: int, vote: str, cell: str) -> float:
    """Return the number of votes in *cell*. Raises `BadInput` when it is none."""
    with contextlib.suppress(ValueError):
        count = float(cell)
        if 0 <= count <= MOST_VOTES:  # which NaN is not
            return count
    raise BadInput(
        f"{path}, line {line}: {vote} is {cell[:40]!r}; votes are counts from 0 to {MOST_VOTES}, so download the file "
        "again"
    )


def vote_counts(paths: Sequence[str], votes: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return ``(n, 10)`` counts of the *votes* for the images at *paths*; an image without votes has zeros.

    *votes* are those of `load_votes`. An image is looked up by its path, then by its file name alone.
    """
    counts = np.zeros((len(paths), len(VOTES)), np.float32)
    for row, path in zip(counts, paths, strict=True):
        file_name = path.rsplit("/", 1)[-1]
        row[:] = votes.get(path, votes.get(file_name, 0))
    return counts


def drop_single_votes(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``(n, 10)`` *counts* in which a vote that only one annotator cast is 0, as an outlier."""
    return np.where(counts > 1, counts, np.float32(0))


def majority_labels(counts: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return ``(n,)`` labels by the "majority" protocol of FER+, from ``(n, 10)`` *counts*.

    A label is a position in `FER2013`, `CONTEMPT` or `LEFT_OUT`. After single votes are dropped, an image keeps its
    most frequent vote if that is an emotion and more than half of the votes. Other images are left out (Barsoum et al.,
    ICMI 2016, section 4, and the program that they published).
    """
    kept = drop_single_votes(counts)
    is_majority = kept.max(axis=1) > 0.5 * kept.sum(axis=1)
    return np.where(is_majority, _labels_of_votes()[kept.argmax(axis=1)], LEFT_OUT)


def vote_distributions(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``(n, 7)`` shares of the votes for the classes of `FER2013`, from ``(n, 10)`` *counts*.

    Single votes are dropped, and so are votes for anything but the seven classes; the shares of the others sum to 1. A
    row is 0 where the most frequent vote is unknown or no face, and where no vote is left.
    """
    kept = drop_single_votes(counts)
    is_emotion = _labels_of_votes()[kept.argmax(axis=1)] != LEFT_OUT
    of_classes = np.where(is_emotion[:, np.newaxis], kept[:, _COLUMNS], np.float32(0))
    totals = of_classes.sum(axis=1, keepdims=True)
    # The rows without a vote keep the 0 of *out*.
    shares = np.divide(of_classes, totals, out=np.zeros_like(of_classes), where=totals > 0)
    return np.asarray(shares, np.float32)


def annotator_agreement(counts: NDArray[np.float32]) -> float:
    """Return how often one annotator agrees with the majority of the others: what a person achieves, as a share of 1.

    *counts* are ``(n, 10)``. Each annotator of each image is left out in turn and compared with the label that
    `majority_labels` gives the others, contempt included; where these have none, the comparison does not count. NaN
    when there is no comparison.
    """
    labels = _labels_of_votes()
    compared = 0.0
    agreeing = 0.0
    for column, label in enumerate(labels):
        # Annotators who cast the same vote for an image all face the same others, so one pass covers them.
        voters = counts[:, column]
        others = counts.copy()
        others[:, column] = np.maximum(voters - 1, 0)
        majority = majority_labels(others)
        compared += voters[majority != LEFT_OUT].sum(dtype=float)
        agreeing += voters[(majority != LEFT_OUT) & (majority == label)].sum(dtype=float)
    return float(agreeing / compared) if compared else float("nan")


def majority_accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64], *, contempt: bool = True) -> float:
    """Return the share of *predicted* that equal the *labels* of `majority_labels`, both ``(n,)``.

    Images that are `LEFT_OUT` do not count. With *contempt*, eight classes count, as in the paper; a model of FER2013's
    seven is always wrong on contempt. Without it, the seven count. NaN when no image counts.
    """
    counts = labels != LEFT_OUT
    if not contempt:
        counts &= labels != CONTEMPT
    return float((predicted == labels)[counts].mean()) if counts.any() else float("nan")


def class_recalls(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the recall of each class of `FER2013`, ``(7,)``, by the *labels* of `majority_labels`.

    *predicted* and *labels* are ``(n,)``. A class without images has NaN.
    """
    # Not scikit-learn's, so that `edge-fer bench` can compute it on a device.
    is_class = (labels != LEFT_OUT) & (labels != CONTEMPT)
    counts = confusion(predicted[is_class], labels[is_class], len(FER2013))
    images = counts.sum(axis=1)
    recalls = np.divide(np.diag(counts), images, out=np.full(len(FER2013), np.nan), where=images > 0)
    return np.asarray(recalls, np.float64)


def cross_entropy(scores: NDArray[np.float32], distributions: NDArray[np.float32]) -> float:
    """Return the mean cross-entropy in nats of ``(n, 7)`` *scores* with the *distributions* of the votes.

    Images whose distribution is 0 do not count; NaN when there are no others.
    """
    scores, distributions = _voted(scores, distributions)
    if not len(scores):
        return float("nan")
    # A score of 0 would make the mean infinite; Keras clips likewise.
    logarithms = np.log(np.maximum(scores, 1e-7))
    return float(-(distributions * logarithms).sum(axis=1).mean())


def brier_score(scores: NDArray[np.float32], distributions: NDArray[np.float32]) -> float:
    """Return the mean squared distance, 0 to 2, of ``(n, 7)`` *scores* from the *distributions* of the votes.

    The score of Brier (Monthly Weather Review 78, 1950), with shares of votes for what happened. Images whose
    distribution is 0 do not count; NaN when there are no others.
    """
    scores, distributions = _voted(scores, distributions)
    if not len(scores):
        return float("nan")
    return float(np.square(scores - distributions).sum(axis=1).mean())


def votes_calibration_error(scores: NDArray[np.float32], distributions: NDArray[np.float32]) -> float:
    """Return how far the confidence of ``(n, 7)`` *scores* is from the votes, as a share of 1.

    A prediction is as right as the share of the votes that its class has in *distributions*; from that follows the gap
    of `edge_fer.evaluation.classification.calibration_error`. Images whose distribution is 0 do not count; NaN when
    there are no others.
    """
    scores, distributions = _voted(scores, distributions)
    if not len(scores):
        return float("nan")
    share_of_prediction = np.take_along_axis(distributions, scores.argmax(axis=1, keepdims=True), axis=1)
    return calibration_error(reliability_bins(scores.max(axis=1), share_of_prediction[:, 0]))


@dataclass(frozen=True)
class FerPlusVotes:
    """The votes on a set of faces, by which scores of the same faces are evaluated."""

    counts: NDArray[np.float32]
    """``(n, 10)``, in the order of `VOTES`."""
    names: tuple[str, ...] = FER2013
    """The classes of the scores, in their order: FER2013's, under any of their names."""

    @classmethod
    def of(cls, faces: LabelledFaces, votes: Mapping[str, NDArray[np.float32]]) -> FerPlusVotes:
        """Return the *votes*, from `load_votes`, on *faces*.

        Raises `BadInput` for faces of other classes than FER2013's, and when no face has a majority for one of these.
        """
        class_order(faces.names)
        found = cls(vote_counts(faces.paths, votes), faces.names)
        # One such face is enough for every figure to be a number, except for how often annotators agree.
        if not np.isin(found.labels, np.arange(len(FER2013))).any():
            raise BadInput(
                f"none of the {len(faces)} faces to evaluate has a majority of FER+ votes for one of seven classes; "
                "pass the csv of these faces"
            )
        return found

    @property
    def images(self) -> int:
        """How many of the faces have a majority label."""
        return int((self.labels != LEFT_OUT).sum())

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """``(n,)`` labels of `majority_labels`."""
        return majority_labels(self.counts)

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """``(7,)``: for each class of `FER2013`, its position in `names`."""
        return class_order(self.names)

    @cached_property
    def distributions(self) -> NDArray[np.float32]:
        """``(n, 7)`` shares of `vote_distributions`, in the order of `FER2013`."""
        return vote_distributions(self.counts)

    def accuracy(self, scores: NDArray[np.float32]) -> float:
        """Return how often the largest of ``(n, 7)`` *scores* is the majority label, contempt included."""
        return majority_accuracy(self._in_order(scores).argmax(axis=1), self.labels)

    def cross_entropy(self, scores: NDArray[np.float32]) -> float:
        """Return the mean cross-entropy in nats of ``(n, 7)`` *scores* with the votes."""
        return cross_entropy(self._in_order(scores), self.distributions)

    def accuracies(self, predicted: NDArray[np.int64]) -> dict[str, Any]:
        """Return those figures that follow from ``(n,)`` *predicted* labels alone, as shares of 1.

        *predicted* are positions in `names`.
        """
        # Where each of *names* stands in FER2013.
        return self._accuracies(np.argsort(self._order)[predicted])

    def figures(self, scores: NDArray[np.float32]) -> dict[str, Any]:
        """Return all figures of ``(n, 7)`` *scores* for JSON; accuracy, recall and agreement as shares of 1.

        Agreement is that of the annotators on the faces whose accuracy is measured, those with a majority label.
        """
        ordered = self._in_order(scores)
        predicted = ordered.argmax(axis=1)
        agreement = annotator_agreement(self.counts[self.labels != LEFT_OUT])
        recalls = class_recalls(predicted, self.labels)
        present = np.flatnonzero(~np.isnan(recalls))  # JSON has no NaN
        return {
            **self._accuracies(predicted),
            "recall": {FER2013[label]: float(recalls[label]) for label in present},
            "cross_entropy": cross_entropy(ordered, self.distributions),
            "brier_score": brier_score(ordered, self.distributions),
            "calibration_error": votes_calibration_error(ordered, self.distributions),
            # NaN when no image has a majority without one of its annotators.
            "annotator_agreement": None if np.isnan(agreement) else agreement,
        }

    def _in_order(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return *scores*, columns in the order of `names`, in the order of `FER2013`."""
        return scores[:, self._order]

    def _accuracies(self, predicted: NDArray[np.int64]) -> dict[str, Any]:
        """Return `accuracies` of *predicted*, positions in `FER2013`."""
        return {
            "images": self.images,
            "accuracy_8_classes": majority_accuracy(predicted, self.labels),
            "accuracy_7_classes": majority_accuracy(predicted, self.labels, contempt=False),
            "macro_recall": float(np.nanmean(class_recalls(predicted, self.labels))),
        }


def class_order(names: tuple[str, ...]) -> NDArray[np.intp]:
    """Return ``(7,)``: for each class of `FER2013`, its position in *names*.

    Raises `BadInput` unless *names* are these seven classes, in any order and spelling.
    """
    positions = [find(name, names) for name in FER2013]
    known = [position for position in positions if position is not None]
    if len(names) != len(FER2013) or len(known) != len(FER2013):
        raise BadInput(
            f"FER+ votes are about {', '.join(FER2013)}; these faces are {', '.join(names)}: leave the votes out"
        )
    return np.array(known, np.intp)


def _voted(
    scores: NDArray[np.float32], distributions: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the rows of both whose distribution is not 0."""
    has_votes = distributions.any(axis=1)
    return scores[has_votes], distributions[has_votes]


def _labels_of_votes() -> NDArray[np.int64]:
    """Return the label of each of `VOTES`, ``(10,)``: a position in `FER2013`, `CONTEMPT` or `LEFT_OUT`."""
    labels = np.full(len(VOTES), LEFT_OUT, np.int64)
    labels[_COLUMNS] = np.arange(len(FER2013))
    labels[VOTES.index("contempt")] = CONTEMPT
    return labels
