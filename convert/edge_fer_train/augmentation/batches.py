"""The faces of one epoch, shuffled and changed at random; needs no Keras, so that other processes can do it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from edge_fer_train.augmentation import mixing, umer
from edge_fer_train.augmentation.online import Augment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer_train.recipe import Recipe, Stage, TrainingSettings

    Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]
    """``(n, N, N)`` crops and their ``(n, classes)`` targets."""


@dataclass(frozen=True)
class AugmentedBatches:
    """Batches of what training sees in *epoch*; batch *i* is the same in every run of one seed."""

    faces: LabelledFaces
    targets: NDArray[np.float32]
    recipe: Recipe
    stage: Stage
    epoch: int

    @cached_property
    def spec(self) -> Preprocess:
        """How the crops of this stage come about."""
        return self.recipe.preprocess.at(self.stage.size_px)

    @cached_property
    def training(self) -> TrainingSettings:
        """What holds in this stage."""
        return self.recipe.trained.during(self.stage)

    @cached_property
    def _seed(self) -> tuple[int, int]:
        return self.recipe.seed, self.epoch

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """Every face once; the last batch is filled up with the first ones, since a compiler works for each size."""
        order = np.random.default_rng(self._seed).permutation(len(self.faces))
        size = self.training.batch_size
        return np.resize(order, math.ceil(len(order) / size) * size) if len(order) > size else order

    @cached_property
    def _augment(self) -> Augment:
        return Augment(degrade=self.training.degrade).weakened(self.stage.augment)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self.training.batch_size)

    def batch(self, index: int) -> Batch:
        """Return batch *index*, from 0."""
        size = self.training.batch_size
        chosen = self._order[index * size : (index + 1) * size]
        rng = np.random.default_rng((*self._seed, index))
        return self._mixed(self._augmented_crops(chosen, rng), self.targets[chosen], rng)

    def _augmented_crops(self, chosen: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.uint8]:
        images = self.faces.images[chosen]
        if self.training.augmentation == "umer":
            return np.stack([self.spec.crop(umer.one(image, rng)) for image in images])
        return self.spec.finish(self._augment(images, self.spec.size_px, rng))

    def _mixed(self, crops: NDArray[np.uint8], targets: NDArray[np.float32], rng: np.random.Generator) -> Batch:
        training = self.training
        ways = [
            (way, alpha) for way, alpha in ((mixing.mixup, training.mixup), (mixing.cutmix, training.cutmix)) if alpha
        ]
        if not ways or rng.random() >= training.mixed:
            return crops, targets
        way, alpha = ways[rng.integers(len(ways))]
        return way(crops, targets, alpha, rng)
