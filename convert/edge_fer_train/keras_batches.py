"""What a step of training sees."""

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
    """Return ``(classes,)`` weights that count a class by its images to the power of minus *balance*; mean image 1.

    0 leaves images alike; 1 makes classes alike.
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1).astype(np.float64)
    weights = counts**-balance
    return np.asarray(weights / np.average(weights, weights=counts), np.float32)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The *augmented* batches as Keras takes them: model values, targets, and weights where classes are balanced.

    With a *teacher*, its scores stand behind the targets. *batch* returns one batch by its number where other processes
    make them; see `AugmentationPool.ahead`. A model of several *outputs* gets the targets once for each.
    """

    def __init__(
        self,
        augmented: AugmentedBatches,
        teacher: Teacher | None = None,
        batch: Callable[[int], Batch] | None = None,
        outputs: int = 1,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self._augmented, self._teacher, self._outputs = augmented, teacher, outputs
        self._batch = batch or augmented.batch
        self._weights = None
        if augmented.training.balance:
            faces = augmented.faces
            self._weights = class_weights(faces.labels, len(faces.names), augmented.training.balance)

    def __len__(self) -> int:
        return len(self._augmented)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        crops, targets = self._batch(index)
        values = self._augmented.spec.to_values(crops)
        told: Any = targets
        if self._teacher is not None:
            told = np.concatenate([targets, self._teacher.scores(crops)], axis=1)
        if self._outputs > 1:
            told = (told,) * self._outputs
        return (values, told) if self._weights is None else (values, told, targets @ self._weights)
