"""What a step of training sees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer_convert.training import eighteen, mixing
from edge_fer_convert.training.augment import Augment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.labelled import LabelledFaces
    from edge_fer_convert.recipe import Recipe, Stage
    from edge_fer_convert.training.teacher import Teacher


def class_weights(labels: NDArray[np.int64], classes: int, balance: float) -> NDArray[np.float32]:
    """Return ``(classes,)`` weights that count a class by its images to the power of minus *balance*; mean image 1.

    0 leaves images alike; 1 makes classes alike.
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1).astype(np.float64)
    weights = counts**-balance
    return np.asarray(weights / np.average(weights, weights=counts), np.float32)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches of one epoch. Batch *i* of epoch *e* is the same in every run of one seed."""

    def __init__(
        self,
        faces: LabelledFaces,
        targets: NDArray[np.float32],
        recipe: Recipe,
        stage: Stage,
        epoch: int,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self._faces, self._targets, self._teacher = faces, targets, teacher
        self._preprocess, self._training = recipe.preprocess.at(stage.size_px), recipe.trained.during(stage)
        self._seed = (recipe.seed, epoch)
        self._augment = Augment(degrade=self._training.degrade).weakened(stage.augment)
        self._order = np.random.default_rng(self._seed).permutation(len(faces))
        self._weights = None
        if self._training.balance:
            self._weights = class_weights(faces.labels, len(faces.names), self._training.balance)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._training.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        size = self._training.batch_size
        chosen = self._order[index * size : (index + 1) * size]
        rng = np.random.default_rng((*self._seed, index))
        crops, targets = self._mixed(self._changed(chosen, rng), self._targets[chosen], rng)
        values = self._preprocess.to_values(crops)
        told = targets
        if self._teacher is not None:
            told = np.concatenate([targets, self._teacher.scores(crops)], axis=1)
        return (values, told) if self._weights is None else (values, told, targets @ self._weights)

    def _changed(self, chosen: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.uint8]:
        images = self._faces.images[chosen]
        if self._training.augmentation == "umer":
            return np.stack([self._preprocess.crop(eighteen.one(image, rng)) for image in images])
        return self._preprocess.finish(self._augment(images, self._preprocess.size_px, rng))

    def _mixed(
        self, crops: NDArray[np.uint8], targets: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        training = self._training
        ways = [
            (way, alpha) for way, alpha in ((mixing.mixup, training.mixup), (mixing.cutmix, training.cutmix)) if alpha
        ]
        if not ways or rng.random() >= training.mixed:
            return crops, targets
        way, alpha = ways[rng.integers(len(ways))]
        return way(crops, targets, alpha, rng)
