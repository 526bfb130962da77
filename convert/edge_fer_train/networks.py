"""The network that a stage trains: built, given its first weights, frozen where the recipe says so, and compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_fer_train import precision, pretrained, schedule, zoo
from edge_fer_train.keras_backend import fastest_data_format
from edge_fer_train.losses import LOSSES, Distillation, accuracy
from edge_fer_train.sizes import transfer
from edge_fer_train.zoo import fused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

    from edge_fer.progress import ProgressListener
    from edge_fer_train.recipe import Recipe, Stage, TrainingSettings
    from edge_fer_train.zoo.axes import DataFormat


def build(
    recipe: Recipe,
    size_px: int,
    classes: int = 7,
    data_format: DataFormat = "channels_last",
    dropout: float | None = None,
) -> keras.Model:
    """Build the recipe's architecture for faces of *size_px* and that many *classes*, with random weights.

    *dropout* replaces the recipe's. Shapes of input and output are those of `zoo`.
    """
    return zoo.build(
        recipe.architecture,
        size_px,
        recipe.preprocess.planes,
        classes,
        dropout=recipe.trained.dropout if dropout is None else dropout,
        data_format=data_format,
        **recipe.options,
    )


@dataclass(frozen=True)
class NetworkFactory:
    """Makes the network of each stage, ready for training."""

    recipe: Recipe
    classes: int
    steps_per_epoch: int
    taught: bool
    """Whether there is a teacher; a stage may still leave it out."""
    pretrained: Sequence[Path]
    """Files of weights for a network that begins at random."""
    computing: str
    """A key of `precision.POLICIES`."""
    progress: ProgressListener

    def at_random(self, stage: Stage) -> keras.Model:
        """Return a network for the first stage: random weights, replaced by the pretrained ones where there are any."""
        model = self._build(stage)
        # Later files win where two have the same layer.
        for path in self.pretrained:
            layers = pretrained.load_into(model, path)
            self.progress.tell(f"{layers} layers start with the weights of {path.name}")
        # Several files are the separately trained networks of a model that joins them.
        if len(self.pretrained) > 1:
            fused.soften_logits(model)
        return self._finish(model, stage)

    def after(self, previous: keras.Model, stage: Stage) -> keras.Model:
        """Return a network for *stage* with the weights of *previous*, the network of the stage before."""
        model = self._build(stage)
        transfer(previous, model)
        return self._finish(model, stage)

    def _build(self, stage: Stage) -> keras.Model:
        training = self.recipe.trained.during(stage)
        with precision.computing(self.computing):
            model = build(self.recipe, stage.size_px, self.classes, fastest_data_format(), training.dropout)
        precision.keep_scores(model)
        return model

    def _finish(self, model: keras.Model, stage: Stage) -> keras.Model:
        """Freeze what the recipe freezes and compile."""
        training = self.recipe.trained.during(stage)
        if training.trainable is not None:
            pretrained.freeze(model, training.trainable)
        for number in training.frozen:
            fused.freeze(model, number)
        return self._compiled(model, stage, training)

    def _compiled(self, model: keras.Model, stage: Stage, training: TrainingSettings) -> keras.Model:
        """Return *model* compiled; with an auxiliary loss, it also outputs the scores of each network that it joins."""
        loss = self._loss(training)
        optimizer = schedule.optimizer(self.recipe.trained, stage, self.steps_per_epoch)
        if not training.auxiliary_loss:
            model.compile(optimizer, loss, metrics=[accuracy])
            return model
        model = fused.with_own_outputs(model)
        # The first output has the joined scores, the others those of each network.
        losses = [loss]
        loss_weights = [1.0]
        metrics: list[list[Any]] = [[accuracy]]
        for _ in model.outputs[1:]:
            losses.append(loss)
            loss_weights.append(training.auxiliary_loss)
            metrics.append([])
        model.compile(optimizer, losses, loss_weights=loss_weights, metrics=metrics)
        return model

    def _loss(self, training: TrainingSettings) -> keras.losses.Loss:
        if self.taught and training.teaching is not None:
            return Distillation(training.loss, training.teaching.weight, training.teaching.temperature)
        return LOSSES[training.loss]()
