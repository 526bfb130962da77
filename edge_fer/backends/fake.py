"""A backend that needs no runtime: for tests, demos, and to time everything but the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_fer.backends import BackendBase, BackendInfo, check_crops
from edge_fer.errors import BackendError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile


def load(model: ModelFile) -> Fake:
    """Make a fake of *model*; its content is not looked at."""
    return Fake(model)


class Fake(BackendBase):
    """Scores that depend on the crop alone: the brighter, the later the label that leads."""

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
        brightness = crops.reshape(len(crops), -1).mean(axis=1, keepdims=True) / 255 if len(crops) else np.empty((0, 1))
        away = np.arange(classes) - brightness * (classes - 1)
        weights = np.exp(-2.0 * away**2)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)

    def close(self) -> None:
        """Refuse to run from now on."""
        self._closed = True
