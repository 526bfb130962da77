"""Training: progressive sizes, averaged weights, resumable at every epoch, on any Keras 3 backend.

A run is a folder: ``last.keras`` (weights and optimizer, for resuming), ``best.keras`` (the averaged weights that did
best on the validation faces, channels last), ``history.json`` (one entry an epoch), and in the end the report and
``scores.npz``, what ``best.keras`` says of them. Where sizes follow each other, an earlier one's best stays beside it.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer import files
from edge_fer.errors import BadInput
from edge_fer.evaluation import metrics
from edge_fer.evaluation.labelled import near_copies
from edge_fer_train import depthwise, normalisation, precision, pretrained, report, zoo
from edge_fer_train.augmentation.batches import AugmentedBatches
from edge_fer_train.augmentation.pool import AugmentationPool
from edge_fer_train.keras_batches import Batches
from edge_fer_train.losses import LOSSES, Distillation, accuracy
from edge_fer_train.recalibration import recalibrate
from edge_fer_train.sizes import transfer
from edge_fer_train.zoo import fused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.evaluation.classification import ClassificationReport
    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer_train.recipe import Recipe, Stage
    from edge_fer_train.teacher import Teacher
    from edge_fer_train.zoo.axes import DataFormat

RECALIBRATION_BATCHES = 20


def keep_freed_memory() -> None:
    """Let glibc keep large freed blocks instead of returning them to the kernel at every training step.

    Otherwise page faults take a good part of every step on a CPU. Does nothing where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mmap_max, trim_threshold, top_pad = -4, -1, -2
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 2**28)


def fastest_data_format() -> DataFormat:
    """Return the axis order in which this Keras backend trains fastest.

    On PyTorch, Keras transposes before and after every channels-last layer, which is slower. TensorFlow on a CPU only
    has channels last.
    """
    return "channels_first" if keras.backend.backend() == "torch" else "channels_last"


def build(
    recipe: Recipe,
    size_px: int,
    classes: int = 7,
    data_format: DataFormat = "channels_last",
    dropout: float | None = None,
) -> keras.Model:
    """Build the recipe's architecture for faces of *size_px* and so many *classes*; see the zoo's file for shapes."""
    return zoo.build(
        recipe.architecture,
        size_px,
        recipe.preprocess.planes,
        classes,
        dropout=recipe.trained.dropout if dropout is None else dropout,
        data_format=data_format,
        **recipe.options,
    )


@dataclass
class TrainingRun:
    """A resumable training run in a folder."""

    recipe: Recipe
    folder: Path
    train: LabelledFaces
    targets: NDArray[np.float32]
    validation: LabelledFaces
    say: Callable[[str], None]
    teacher: Teacher | None = None
    pretrained: Sequence[Path] = ()
    """Weights to begin with; see `pretrained.load_into`."""
    computing: str = "float32"
    """What training steps compute in: a key of `precision.POLICIES`. A stage that is gone on with keeps what it had."""
    workers: int = 0
    """How many other processes change faces while this one computes steps."""
    history: list[dict[str, Any]] = field(default_factory=list)
    _portable: dict[int, keras.Model] = field(default_factory=dict)
    """By its size, the model that what is kept is kept as."""

    def execute(self) -> ClassificationReport | None:
        """Train through all stages and write the report; go on where an earlier run of the same folder was stopped.

        Returns what the weights that were kept are worth on the validation faces; None when nothing was trained.
        """
        keep_freed_memory()
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "history.json"
        self.history = json.loads(log.read_text()) if log.exists() else []
        keras.utils.set_random_seed(self.recipe.seed + len(self.history))
        model, done, first_epoch = None, len(self.history), 0
        with AugmentationPool(self.train, self.targets, self.recipe, self.workers) as workers:
            for stage in self.recipe.trained.stages:
                last_epoch = first_epoch + stage.epochs
                if done < last_epoch:
                    model = self._stage(stage, first_epoch, max(done, first_epoch), model, workers)
                first_epoch = last_epoch
        return self._report()

    def _stage(
        self, stage: Stage, first_epoch: int, epoch: int, before: keras.Model | None, workers: AugmentationPool
    ) -> keras.Model:
        last = self.folder / "last.keras"
        if before is None and self.history:
            if not last.exists():
                raise BadInput(
                    f"{self.folder} has a history but no last.keras; choose another folder, or empty this one"
                )
            before = keras.saving.load_model(last)
        # In the middle of a stage it is gone on with, optimizer and all.
        model = before if before is not None and epoch > first_epoch else self._begin(stage, before)
        spec = self.recipe.preprocess.at(stage.size_px)
        crops = self.validation.crops(spec)
        for number in range(epoch, first_epoch + stage.epochs):
            augmented = AugmentedBatches(self.train, self.targets, self.recipe, stage, number)
            teacher = self.teacher if augmented.training.teaching is not None else None
            batches = Batches(augmented, teacher, workers.ahead(augmented), len(model.outputs))
            self._epoch(model, batches, stage, number, crops)
        return model

    def _begin(self, stage: Stage, before: keras.Model | None) -> keras.Model:
        """Return the model with which *stage* begins."""
        training = self.recipe.trained.during(stage)
        with precision.computing(self.computing):
            model = build(self.recipe, stage.size_px, len(self.train.names), fastest_data_format(), training.dropout)
        precision.keep_scores(model)
        if before is not None:
            transfer(before, model)
            self._keep_best_of(before.input_shape[1], stage.size_px)
        else:
            for path in self.pretrained:
                self.say(f"{pretrained.load_into(model, path)} layers have the weights of {path.name}\n")
            if len(self.pretrained) > 1:
                fused.share(model)
        if training.trainable is not None:
            pretrained.freeze(model, training.trainable)
        for number in training.frozen:
            fused.freeze(model, number)
        return self._compiled(model, stage)

    def _compiled(self, model: keras.Model, stage: Stage) -> keras.Model:
        """Return *model* with what *stage* minimises; where each network has a loss, with the scores of each."""
        training = self.recipe.trained.during(stage)
        loss = LOSSES[training.loss]()
        if self.teacher is not None and training.teaching is not None:
            loss = Distillation(training.loss, training.teaching.weight, training.teaching.temperature)
        if not training.auxiliary_loss:
            model.compile(self._optimizer(stage), loss, metrics=[accuracy])
            return model
        model = fused.apart(model)
        more = len(model.outputs) - 1
        model.compile(
            self._optimizer(stage),
            [loss] * (1 + more),
            loss_weights=[1.0] + [training.auxiliary_loss] * more,
            metrics=[[accuracy]] + [[]] * more,
        )
        return model

    def _keep_best_of(self, size_px: int, next_px: int) -> None:
        best = self.folder / "best.keras"
        if size_px != next_px and best.exists():
            best.rename(self.folder / f"best-{size_px}.keras")

    def _optimizer(self, stage: Stage) -> keras.optimizers.Optimizer:
        training = self.recipe.trained
        steps = math.ceil(len(self.train) / training.batch_size)
        schedule = keras.optimizers.schedules.CosineDecay(
            stage.learning_rate / 20,
            decay_steps=max(1, steps * stage.epochs - steps // 2),
            alpha=stage.final_learning_rate / stage.learning_rate,
            warmup_target=stage.learning_rate,
            warmup_steps=steps // 2,
        )
        return keras.optimizers.AdamW(
            schedule, weight_decay=training.weight_decay, use_ema=True, ema_momentum=training.ema_momentum
        )

    def _epoch(self, model: keras.Model, batches: Batches, stage: Stage, epoch: int, crops: NDArray[np.uint8]) -> None:
        started = time.monotonic()
        progress = _Progress(f"{stage.size_px} px, epoch {epoch + 1}/{self._epochs()}", len(batches), self.say)
        last_step = _LastStep()
        with normalisation.native(), depthwise.native():
            fitted = model.fit(batches, verbose=0, shuffle=False, callbacks=[progress, last_step])
        scores, *alone = self._judge(model, batches, crops)
        if not self.recipe.trained.during(stage).ema_overwrite:
            model.set_weights(last_step.weights)
        entry = {
            "epoch": epoch + 1,
            "size_px": stage.size_px,
            "loss": float(fitted.history["loss"][0]),
            "accuracy": float(fitted.history[f"{model.output_names[0]}_accuracy" if alone else "accuracy"][0]),
            "validation_loss": report.cross_entropy(scores, self.validation.labels),
            "validation_accuracy": self._accuracy(scores),
            **({"validation_accuracy_alone": [self._accuracy(own) for own in alone]} if alone else {}),
            "seconds": time.monotonic() - started,
            "backend": keras.backend.backend(),
        }
        self.history.append(entry)
        _save(model, self.folder / "last.keras")  # before the history: at worst an epoch is trained twice
        files.write(self.folder / "history.json", json.dumps(self.history, indent=1))
        self.say(
            f"epoch {epoch + 1}/{self._epochs()} · {stage.size_px} px · loss {entry['loss']:.4f} · "
            f"validation {entry['validation_accuracy']:.2%}{_alone(entry)} · {entry['seconds']:.0f} s · "
            f"about {self._minutes_left():.0f} min left\n"
        )

    def _accuracy(self, scores: NDArray[np.float32]) -> float:
        return metrics.accuracy(scores.argmax(axis=1), self.validation.labels)

    def _judge(self, model: keras.Model, batches: Batches, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the scores on *crops* of the averaged weights, which *model* has after an epoch, for each output.

        Keeps them when no earlier epoch of this size did better.
        """
        model.set_weights(_copies(model))  # JAX would give away the averages that the optimizer goes on with
        recalibrate(model, (batches[index][0] for index in range(min(RECALIBRATION_BATCHES, len(batches)))))
        values = self.recipe.preprocess.to_values(crops)
        answers = model.predict(values, batch_size=128, verbose=0)
        scores = [np.asarray(answer, np.float32) for answer in (answers if len(model.outputs) > 1 else [answers])]
        size = crops.shape[1]
        best = max((h["validation_accuracy"] for h in self.history if h["size_px"] == size), default=-1.0)
        if self._accuracy(scores[0]) > best:
            if size not in self._portable:
                self._portable[size] = build(self.recipe, size, len(self.train.names))
            self._portable[size].set_weights(model.get_weights())
            _save(self._portable[size], self.folder / "best.keras")
        return scores

    def _report(self) -> ClassificationReport | None:
        best = self.folder / "best.keras"
        if not best.exists():
            return None
        model = keras.saving.load_model(best, compile=False)
        spec = self.recipe.preprocess.at(model.input_shape[1])
        values = spec.to_values(self.validation.crops(spec))
        scores = np.asarray(model.predict(values, batch_size=128, verbose=0), np.float32)
        np.savez_compressed(self.folder / "scores.npz", scores=scores, labels=self.validation.labels)
        deduplicated = ~near_copies(self.validation, self.train)
        classification = report.write(
            self.folder, self.recipe.name, self.history, scores, self.validation, deduplicated
        )
        found = (scores.argmax(axis=1) == self.validation.labels)[deduplicated]
        apart = (
            f"{found.mean():.2%} of the {deduplicated.sum()} that have no near-copy"
            if deduplicated.any()
            else "all with a near-copy"
        )
        self.say(
            f"{self.recipe.name}: {classification.accuracy:.2%} of {classification.images} validation faces, {apart} "
            f"among those learnt from; macro-F1 {classification.mean('f1'):.3f}; report in {self.folder}\n"
        )
        return classification

    def _epochs(self) -> int:
        return sum(stage.epochs for stage in self.recipe.trained.stages)

    def _minutes_left(self) -> float:
        """Estimate from the last epoch, taking time as proportional to the pixels of an epoch."""
        sizes = [stage.size_px for stage in self.recipe.trained.stages for _ in range(stage.epochs)]
        last = self.history[-1]
        per_pixel = last["seconds"] / last["size_px"] ** 2
        return float(sum(per_pixel * size**2 for size in sizes[len(self.history) :]) / 60)


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """A line on the terminal that says how far an epoch is."""

    def __init__(self, title: str, batches: int, say: Callable[[str], None]) -> None:
        super().__init__()
        self._title, self._batches, self._say, self._started = title, batches, say, time.monotonic()
        self._shown = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = time.monotonic()
        if now - self._shown < 0.5:
            return
        self._shown = now
        left = (now - self._started) / (batch + 1) * (self._batches - batch - 1)
        loss = (logs or {}).get("loss", math.nan)
        self._say(f"\r{self._title}: {batch + 1}/{self._batches}, loss {loss:.4f}, {left:.0f} s left \r")


class _LastStep(keras.callbacks.Callback):  # type: ignore[misc]
    """The weights that the last step of an epoch left: ``fit`` ends by putting their averages in their place."""

    weights: list[NDArray[np.float32]]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 (Keras' names)
        self.weights = _copies(self.model)


def _alone(entry: dict[str, Any]) -> str:
    """Return what to say of how right the networks whose scores are joined are by themselves."""
    told = ", ".join(f"{accuracy:.2%}" for accuracy in entry.get("validation_accuracy_alone", ()))
    return f" (alone {told})" if told else ""


def _copies(model: keras.Model) -> list[NDArray[np.float32]]:
    """Return the weights of *model*; on PyTorch those that Keras returns are views."""
    return [np.array(weight) for weight in model.get_weights()]


def _save(model: keras.Model, path: Path) -> None:
    with files.replacing(path) as beside:
        model.save(beside)
