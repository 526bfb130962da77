"""The faces of one epoch, shuffled and augmented. Needs no Keras, so that other processes can make them."""

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

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess
    from edge_fer_train.recipe import Recipe, Stage, TrainingSettings

    Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]
    """``(n, N, N)`` crops and their ``(n, classes)`` soft labels."""


@dataclass(frozen=True)
class AugmentedBatches:
    """The batches of *epoch*; batch *i* is the same in every run with the same seed."""

    faces: LabelledFaces
    soft_labels: NDArray[np.float32]
    """``(n, classes)``, of all faces."""
    recipe: Recipe
    stage: Stage
    epoch: int

    @cached_property
    def spec(self) -> Preprocess:
        """How crops are made in this stage."""
        return self.recipe.preprocess.at(self.stage.size_px)

    @cached_property
    def training(self) -> TrainingSettings:
        """The settings that hold in this stage."""
        return self.recipe.trained.during(self.stage)

    @cached_property
    def _seed(self) -> tuple[int, int]:
        return self.recipe.seed, self.epoch

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        """Every face once, shuffled; the first faces again fill up the last batch."""
        order = np.random.default_rng(self._seed).permutation(len(self.faces))
        size = self.training.batch_size
        if len(order) <= size:
            return order
        # Full batches only: a backend that compiles would compile again for a batch of another size.
        return np.resize(order, math.ceil(len(order) / size) * size)

    @cached_property
    def _augment(self) -> Augment:
        full = Augment(degrade=self.training.degrade, **self.training.online.model_dump())
        return full.weakened(self.stage.augment)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self.training.batch_size)

    def batch(self, index: int) -> Batch:
        """Return batch *index*, from 0."""
        chosen = self.faces_of(index)
        # A generator for each batch, so that batches can be made in any order and by any process.
        rng = np.random.default_rng((*self._seed, index))
        crops = self._augmented_crops(chosen, rng)
        return self._mixed(crops, self.soft_labels[chosen], rng)

    def faces_of(self, index: int) -> NDArray[np.intp]:
        """Return the faces in batch *index*, as indices into `faces`."""
        size = self.training.batch_size
        return self._order[index * size : (index + 1) * size]

    def _augmented_crops(self, chosen: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.uint8]:
        images = self.faces.images[chosen]
        # The algorithm of Umer et al. changes whole images; the online augmentation crops and warps in one pass.
        if self.training.augmentation == "umer":
            return np.stack([self.spec.crop(umer.random_change(image, rng)) for image in images])
        return self.spec.finish(self._augment(images, self.spec.size_px, rng))

    def _mixed(self, crops: NDArray[np.uint8], soft_labels: NDArray[np.float32], rng: np.random.Generator) -> Batch:
        """Return the batch, or one of mixup and cutmix of it; with both on, one of them at random."""
        training = self.training
        choices = []
        if training.mixup:
            choices.append((mixing.mixup, training.mixup))
        if training.cutmix:
            choices.append((mixing.cutmix, training.cutmix))
        if not choices or rng.random() >= training.mixed:
            return crops, soft_labels
        mix, alpha = choices[rng.integers(len(choices))]
        return mix(crops, soft_labels, alpha, rng)
