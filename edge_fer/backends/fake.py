"""A backend without a runtime: for tests, demos, and to time everything but the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_fer.backends import BackendBase, BackendInfo, check_crops
from edge_fer.errors import BackendError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile


def load(model: ModelFile) -> Fake:
    """Return a fake for *model*, whose content is ignored."""
    return Fake(model)


class Fake(BackendBase):
    """Scores that depend on the crop's brightness alone: the brighter, the later the label with the highest score."""

    def __init__(self, model: ModelFile) -> None:
        self._model = model
        self._closed = False
        self.info = BackendInfo("fake", "edge-fer", "1", model.threads, "uint8", "float32")

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*."""
        check_crops(crops, self._model.preprocess)
        if self._closed:
            raise BackendError("this model is closed; load it again")
        classes = len(self._model.labels)
        if len(crops) == 0:  # reshape cannot infer a size of nothing
            return np.empty((0, classes), np.float32)
        brightness = crops.reshape(len(crops), -1).mean(axis=1, keepdims=True) / 255
        distance = np.arange(classes) - brightness * (classes - 1)
        # A bell curve around the label that the brightness points to.
        weights = np.exp(-2.0 * distance**2)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)

    def close(self) -> None:
        """Refuse to run from now on."""
        self._closed = True
