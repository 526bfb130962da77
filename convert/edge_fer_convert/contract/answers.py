"""What a model answers under several contracts, on the same labelled faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.evaluation.label_order import best_outputs
from edge_fer.evaluation.metrics import confusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer_convert.contract.candidates import Contract
    from edge_fer_convert.float_model import FloatModel


@dataclass(frozen=True)
class Gain:
    """How much mean recall one contract adds to another, on the same faces."""

    gain: float
    """As a share of 1."""
    error: float
    """Its standard error."""
    faces: int

    def is_at_least(self, least: float, errors: float) -> bool:
        """Return whether the gain is *least* or more, and *errors* of its standard errors or more."""
        return self.gain >= least and self.gain >= errors * self.error

    def may_be(self, least: float, errors: float) -> bool:
        """Return whether the true gain may be *least* or more, if it lies up to *errors* standard errors higher."""
        return self.gain + errors * self.error >= least


@dataclass(frozen=True)
class Answers:
    """The answers of a model to labelled faces, asked as they are needed and remembered."""

    model: FloatModel
    faces: LabelledFaces
    """In an order of which each beginning is balanced over the classes, as `calibration.choose` gives it."""
    labels: NDArray[np.int64]
    """``(n,)`` positions of their classes among the model's outputs, if these are as the user says."""
    _known: dict[Contract, NDArray[np.int64]] = field(default_factory=dict, init=False, repr=False)

    def to(self, contract: Contract, count: int) -> NDArray[np.int64]:
        """Return the outputs that answer for the first *count* faces under *contract*, ``(count,)``."""
        known = self._known.get(contract, np.empty(0, np.int64))
        if len(known) < count:
            faces = self.faces.take(np.arange(len(known), count))
            # Under a contract that is not the model's, scores may overflow.
            scores = np.nan_to_num(self.model.scores(contract.values(faces)))
            known = np.concatenate([known, scores.argmax(axis=1)])
            self._known[contract] = known
        return known[:count]

    def confusion(self, contract: Contract, count: int) -> NDArray[np.int64]:
        """Return how often each output answers for each class, ``(classes, classes)``; rows are true classes."""
        return confusion(self.to(contract, count), self.labels[:count], self.model.classes)

    def right(self, contract: Contract, count: int) -> NDArray[np.bool_]:
        """Return which answers are right in the order of the labels that fits *contract* best, ``(count,)``.

        In that order, because contract and order may both be wrong.
        """
        outputs = best_outputs(self.confusion(contract, count))
        return np.asarray(self.to(contract, count) == outputs[self.labels[:count]])

    def recall(self, contract: Contract, count: int) -> float:
        """Return the mean recall under *contract*, in the order of the labels that fits it best."""
        right = self.right(contract, count)
        labels = self.labels[:count]
        return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))

    def gain(self, new: Contract, old: Contract, count: int) -> Gain:
        """Return what *new* adds to the mean recall under *old*, on the first *count* faces."""
        difference = self.right(new, count).astype(np.int64) - self.right(old, count)
        labels = self.labels[:count]
        means = []
        variances = []
        for label in np.unique(labels):
            of_class = difference[labels == label]
            means.append(of_class.mean())
            # The same faces are asked twice, so it is their differences that vary. One face more, so that two of two
            # are not taken for certainty.
            variances.append((of_class.var() + 1 / len(of_class)) / len(of_class))
        return Gain(float(np.mean(means)), float(np.sqrt(np.sum(variances))) / len(means), count)
