"""Processes that augment faces while a step is computed: one process cannot keep up with a GPU."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from edge_fer_train.augmentation.batches import AugmentedBatches

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer_train.augmentation.batches import Batch
    from edge_fer_train.recipe import Recipe, Stage

AHEAD = 4
"""Batches that are requested in advance, for each process."""


class AugmentationPool:
    """*count* processes that make batches of *faces* and their *soft_labels*. A context manager.

    With a *count* of 0, the calling process makes them.
    """

    def __init__(self, faces: LabelledFaces, soft_labels: NDArray[np.float32], recipe: Recipe, count: int) -> None:
        self._data = (faces, soft_labels, recipe)
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._count:
            # A fork of a process that uses a GPU may hang.
            spawned = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, spawned, _begin, self._data)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            # After an error, batches that were requested in advance are cancelled.
            self._pool.shutdown(cancel_futures=True)

    def ahead(self, augmented: AugmentedBatches) -> Callable[[int], Batch]:
        """Return a function from the number of a batch of *augmented*, from 0, to the batch.

        While the caller uses a batch, the processes make those after it.
        """
        if self._pool is None:
            return augmented.batch
        return _Ahead(augmented, self._pool, self._count * AHEAD).batch


class _Ahead:
    """Requests *count* batches in advance."""

    def __init__(self, augmented: AugmentedBatches, pool: ProcessPoolExecutor, count: int) -> None:
        self._augmented = augmented
        self._pool = pool
        self._count = count
        self._requested: dict[int, Future[Batch]] = {}

    def batch(self, index: int) -> Batch:
        augmented = self._augmented
        end = min(index + self._count, len(augmented))
        for number in range(index, end):
            if number not in self._requested:
                self._requested[number] = self._pool.submit(_batch, augmented.stage, augmented.epoch, number)
        return self._requested.pop(index).result()


_process_data: tuple[LabelledFaces, NDArray[np.float32], Recipe]
"""In a process of the pool only: what its batches are made from."""


def _begin(faces: LabelledFaces, soft_labels: NDArray[np.float32], recipe: Recipe) -> None:
    """Keep what every batch is made from, so that it is sent to this process only once."""
    import cv2

    global _process_data  # noqa: PLW0603 (nothing else lasts in a process of the pool)
    _process_data = faces, soft_labels, recipe
    cv2.setNumThreads(1)  # the processes share the cores already


def _batch(stage: Stage, epoch: int, index: int) -> Batch:
    return _batches(stage, epoch).batch(index)


@lru_cache(maxsize=1)
def _batches(stage: Stage, epoch: int) -> AugmentedBatches:
    """Return the batches of an epoch; cached, since they shuffle all faces first."""
    faces, soft_labels, recipe = _process_data
    return AugmentedBatches(faces, soft_labels, recipe, stage, epoch)
