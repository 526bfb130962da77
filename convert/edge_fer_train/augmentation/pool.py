"""Processes that change faces while a step is computed: one alone cannot keep up with a GPU."""

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

    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer_train.augmentation.batches import Batch
    from edge_fer_train.recipe import Recipe, Stage

AHEAD = 4
"""Batches that are asked for in advance, for each process."""


class AugmentationPool:
    """*count* processes that make batches of *faces*, their *targets* and *recipe*; none of them where it is 0."""

    def __init__(self, faces: LabelledFaces, targets: NDArray[np.float32], recipe: Recipe, count: int) -> None:
        self._made_of, self._count = (faces, targets, recipe), count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._count:
            spawned = multiprocessing.get_context("spawn")  # a fork of a process with a GPU may stand still for ever
            self._pool = ProcessPoolExecutor(self._count, spawned, _begin, self._made_of)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def ahead(self, augmented: AugmentedBatches) -> Callable[[int], Batch]:
        """Return what gives a batch of *changed* by its number, from 0, and meanwhile has those after it made."""
        return augmented.batch if self._pool is None else _Ahead(augmented, self._pool, self._count * AHEAD).batch


class _Ahead:
    def __init__(self, augmented: AugmentedBatches, pool: ProcessPoolExecutor, count: int) -> None:
        self._augmented, self._pool, self._count = augmented, pool, count
        self._asked: dict[int, Future[Batch]] = {}

    def batch(self, index: int) -> Batch:
        augmented = self._augmented
        for at in range(index, min(index + self._count, len(augmented))):
            if at not in self._asked:
                self._asked[at] = self._pool.submit(_batch, augmented.stage, augmented.epoch, at)
        return self._asked.pop(index).result()


_made_of: tuple[LabelledFaces, NDArray[np.float32], Recipe]


def _begin(faces: LabelledFaces, targets: NDArray[np.float32], recipe: Recipe) -> None:
    """Keep what every batch is made of in this process, so that it comes here only once."""
    import cv2

    global _made_of  # noqa: PLW0603 (nothing else lasts in a process of the pool)
    _made_of = faces, targets, recipe
    cv2.setNumThreads(1)


def _batch(stage: Stage, epoch: int, index: int) -> Batch:
    return _batches(stage, epoch).batch(index)


@lru_cache(maxsize=1)
def _batches(stage: Stage, epoch: int) -> AugmentedBatches:
    return AugmentedBatches(*_made_of, stage, epoch)
