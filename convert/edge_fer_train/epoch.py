"""One epoch of training steps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras

from edge_fer_train.fast_kernels import fast_kernels
from edge_fer_train.validation import weights_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.progress import ProgressListener
    from edge_fer_train.keras_batches import Batches

SECONDS_BETWEEN_UPDATES = 0.5


@dataclass(frozen=True)
class Fitted:
    """What an epoch leaves beside the averaged weights, which the model has."""

    loss: float
    accuracy: float
    """On the training faces, as training saw them."""
    last_step: list[NDArray[np.float32]]
    """The weights after the last step, not averaged."""


@dataclass(frozen=True)
class StageProgress:
    """Tells a listener how much of a stage is done."""

    title: str
    """Title of the stage, the same for all its epochs: without a terminal, each new title is printed on a line."""
    epochs_done: int
    epochs: int
    listener: ProgressListener

    def update(self, share_of_epoch: float) -> None:
        """Tell of a share in [0, 1] of the current epoch."""
        self.listener.step(self.title, (self.epochs_done + share_of_epoch) / self.epochs)


def fit(model: keras.Model, batches: Batches, progress: StageProgress) -> Fitted:
    """Train *model* on all *batches* once; it then has the averages of its weights."""
    last_step = _LastStep()
    with fast_kernels(model):
        # Batches are shuffled already, and their order belongs to the seed.
        fitted = model.fit(batches, verbose=0, shuffle=False, callbacks=[_Progress(len(batches), progress), last_step])
    # Keras puts the name of the output before the metric where there are several outputs.
    metric = "accuracy" if len(model.outputs) == 1 else f"{model.output_names[0]}_accuracy"
    return Fitted(float(fitted.history["loss"][0]), float(fitted.history[metric][0]), last_step.weights)


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells how far an epoch is, not too often."""

    def __init__(self, batches: int, progress: StageProgress) -> None:
        super().__init__()
        self._batches = batches
        self._progress = progress
        self._updated = -SECONDS_BETWEEN_UPDATES

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 (Keras' names)
        now = time.monotonic()
        if now - self._updated >= SECONDS_BETWEEN_UPDATES:
            self._updated = now
            self._progress.update((batch + 1) / self._batches)


class _LastStep(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the last step: Keras' ``fit`` ends by putting their averages in their place."""

    weights: list[NDArray[np.float32]]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 (Keras' names)
        self.weights = weights_of(self.model)
