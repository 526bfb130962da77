"""Validation after an epoch: the averaged weights, with statistics of their own, on the validation faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_fer.evaluation import metrics
from edge_fer_train import report
from edge_fer_train.recalibration import recalibrate

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer.preprocess import Preprocess
    from edge_fer_train.keras_batches import Batches

RECALIBRATION_BATCHES = 20
PREDICTION_BATCH = 128
"""Faces per step of prediction: more take more memory, fewer more time."""


class Validation:
    """The validation faces as a model of one input size sees them.

    Figures are by the *votes* on the faces where these are given, otherwise by the faces' labels.
    """

    def __init__(self, faces: LabelledFaces, spec: Preprocess, votes: FerPlusVotes | None = None) -> None:
        self._labels = faces.labels
        self._votes = votes
        self._spec = spec
        self._crops = faces.crops(spec)

    def scores(self, model: keras.Model) -> list[NDArray[np.float32]]:
        """Return the ``(n, classes)`` scores of each output of *model*."""
        # From uint8 each time: kept as float32, the values would take four times the memory.
        values = self._spec.to_values(self._crops)
        predicted = model.predict(values, batch_size=PREDICTION_BATCH, verbose=0)
        outputs = predicted if len(model.outputs) > 1 else [predicted]
        return [np.asarray(output, np.float32) for output in outputs]

    def accuracy(self, scores: NDArray[np.float32]) -> float:
        """Return the share of faces whose label, or majority label by the votes, has the largest score."""
        if self._votes is not None:
            return self._votes.accuracy(scores)
        return metrics.accuracy(scores.argmax(axis=1), self._labels)

    def cross_entropy(self, scores: NDArray[np.float32]) -> float:
        """Return the mean cross-entropy of *scores* with the labels or the votes."""
        if self._votes is not None:
            return self._votes.cross_entropy(scores)
        return report.cross_entropy(scores, self._labels)


def settle_averages(model: keras.Model, batches: Batches) -> None:
    """Make the averaged weights that *model* has after an epoch ready for validation.

    Their batch normalisation gets statistics from the first of *batches*; see `recalibrate`.
    """
    # On JAX, the optimizer would give the buffers of its averages away; the model needs copies.
    model.set_weights(weights_of(model))
    # Statistics settle after a few batches; more would only take time.
    count = min(RECALIBRATION_BATCHES, len(batches))
    recalibrate(model, (batches[index][0] for index in range(count)))


def weights_of(model: keras.Model) -> list[NDArray[np.float32]]:
    """Return copies of the weights of *model*; on PyTorch, Keras returns views of them."""
    return [np.array(weight) for weight in model.get_weights()]
