"""The batches of an epoch as Keras takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer_train.augmentation.batches import AugmentedBatches, Batch
    from edge_fer_train.teacher import Teacher


def class_weights(labels: NDArray[np.int64], classes: int, balance: float) -> NDArray[np.float32]:
    """Return ``(classes,)`` weights: a class counts by its images to the power of minus *balance*; the mean image 1.

    With 0, every image counts the same; with 1, every class does.
    """
    counts = np.bincount(labels, minlength=classes)
    counts = np.maximum(counts, 1).astype(np.float64)  # a class without images must not divide by zero
    weights = counts**-balance
    return np.asarray(weights / np.average(weights, weights=counts), np.float32)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The *augmented* batches as Keras takes them: model values, soft labels, and weights where classes are balanced.

    The scores of a *teacher* follow the soft labels in the same row. *batch* returns one batch by its number, where
    other processes make them; see `AugmentationPool.ahead`. A model of several *outputs* gets the soft labels for each.
    """

    def __init__(
        self,
        augmented: AugmentedBatches,
        teacher: Teacher | None = None,
        batch: Callable[[int], Batch] | None = None,
        outputs: int = 1,
    ) -> None:
        # One thread of Keras' fetches batches ahead of the training step.
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self._augmented = augmented
        self._teacher = teacher
        self._outputs = outputs
        self._batch = batch or augmented.batch
        self._weights = None
        if augmented.training.balance:
            faces = augmented.faces
            self._weights = class_weights(faces.labels, len(faces.names), augmented.training.balance)

    def __len__(self) -> int:
        return len(self._augmented)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        crops, soft_labels = self._batch(index)
        values = self._augmented.spec.to_values(crops)
        y_true: Any = soft_labels
        if self._teacher is not None:
            # Keras passes one array per output, so the teacher's scores travel in the row of the soft labels.
            y_true = np.concatenate([soft_labels, self._teacher.scores(crops)], axis=1)
        if self._outputs > 1:
            y_true = (y_true,) * self._outputs
        if self._weights is None:
            return values, y_true
        # A mixed face counts as its classes do, by their shares.
        return values, y_true, soft_labels @ self._weights
