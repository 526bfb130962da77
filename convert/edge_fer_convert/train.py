"""Training: progressive sizes, averaged weights, resumable at every epoch, on any Keras 3 backend.

A run is a folder: ``last.keras`` (weights and optimizer, for resuming), ``best.keras`` (the averaged weights that did
best on the validation split, channels last) and ``history.json`` (one entry an epoch).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import math
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.errors import BadInput
from edge_fer_convert.augment import Augment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.labelled import LabelledFaces
    from edge_fer_convert.recipe import Recipe, Stage
    from edge_fer_convert.zoo.cnn_1 import DataFormat


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


def build(recipe: Recipe, size_px: int, data_format: DataFormat = "channels_last") -> keras.Model:
    """Build the recipe's architecture for grey ``size_px`` input; see the zoo's file for shapes."""
    zoo = importlib.import_module(f"edge_fer_convert.zoo.{recipe.architecture}")
    model: keras.Model = zoo.build(
        size_px, channels=1, dropout=recipe.training.dropout, data_format=data_format, **recipe.options
    )
    return model


class AugmentedFaces(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches of one epoch. Batch *i* of epoch *e* is the same in every run of one seed."""

    def __init__(
        self, faces: LabelledFaces, targets: NDArray[np.float32], recipe: Recipe, stage: Stage, epoch: int
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self._faces, self._targets, self._recipe, self._stage = faces, targets, recipe, stage
        self._seed, self._augment = (recipe.training.seed, epoch), Augment().weakened(stage.augment)
        self._order = np.random.default_rng(self._seed).permutation(len(faces))

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._recipe.training.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        size = self._recipe.training.batch_size
        chosen = self._order[index * size : (index + 1) * size]
        rng = np.random.default_rng((*self._seed, index))
        crops = self._augment(self._faces.images[chosen], self._stage.size_px, rng)
        return self._recipe.preprocess.to_values(crops), self._targets[chosen]


def transfer(source: keras.Model, target: keras.Model) -> None:
    """Carry weights from one input size to another.

    Only the first dense layer's shape depends on the size. Its weights are averaged over the source's positions and
    spread over the target's, so that on evenly spread features the target answers as the source did.
    """
    weights = []
    for old, new in zip(source.weights, target.weights, strict=True):
        value = np.asarray(keras.ops.convert_to_numpy(old))
        if value.shape != new.shape:
            channels = source.get_layer("features").input.shape[-1]
            positions = new.shape[0] // channels
            summed = value.reshape(-1, channels, value.shape[1]).sum(axis=0)
            value = np.tile(summed / positions, (positions, 1))
        weights.append(value)
    target.set_weights(weights)


def recalibrate(model: keras.Model, batches: Iterable[NDArray[np.float32]]) -> None:
    """Set the moving statistics of all batch normalisation to the plain mean over *batches*.

    They belong to the weights of the last steps; averaged weights need their own (Izmailov et al., UAI 2018, section
    3.2), or they are judged too low while the learning rate is high.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for seen, batch in enumerate(batches):
        for norm in norms:
            norm.momentum = seen / (seen + 1)
        model(batch, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@dataclass
class Run:
    """A resumable training run in a folder."""

    recipe: Recipe
    folder: Path
    train: LabelledFaces
    targets: NDArray[np.float32]
    validation: LabelledFaces
    report: Callable[[str], None]
    history: list[dict[str, Any]] = field(default_factory=list)

    def execute(self) -> None:
        """Train through all stages; go on where an earlier run of the same folder was stopped."""
        keep_freed_memory()
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "history.json"
        self.history = json.loads(log.read_text()) if log.exists() else []
        keras.utils.set_random_seed(self.recipe.training.seed + len(self.history))
        model, done, first_epoch = None, len(self.history), 0
        for stage in self.recipe.training.stages:
            last_epoch = first_epoch + stage.epochs
            if done < last_epoch:
                model = self._stage(stage, first_epoch, max(done, first_epoch), model)
            first_epoch = last_epoch

    def _stage(self, stage: Stage, first_epoch: int, epoch: int, before: keras.Model | None) -> keras.Model:
        last = self.folder / "last.keras"
        if before is None and self.history:
            if not last.exists():
                raise BadInput(
                    f"{self.folder} has a history but no last.keras; choose another folder, or empty this one"
                )
            before = keras.saving.load_model(last)
        if epoch > first_epoch and before is not None:
            model = before  # resumed in the middle of a stage, with its optimizer
        else:
            model = build(self.recipe, stage.size_px, fastest_data_format())
            if before is not None:
                transfer(before, model)
            model.compile(self._optimizer(stage), "categorical_crossentropy", metrics=["accuracy"])
        contract = self.recipe.preprocess.model_copy(update={"size_px": stage.size_px})
        crops = self.validation.crops(contract)
        for number in range(epoch, first_epoch + stage.epochs):
            self._epoch(model, stage, number, crops)
        return model

    def _optimizer(self, stage: Stage) -> keras.optimizers.Optimizer:
        training = self.recipe.training
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

    def _epoch(self, model: keras.Model, stage: Stage, epoch: int, crops: NDArray[np.uint8]) -> None:
        started = time.monotonic()
        batches = AugmentedFaces(self.train, self.targets, self.recipe, stage, epoch)
        progress = _Progress(f"{stage.size_px} px, epoch {epoch + 1}/{self._epochs()}", len(batches), self.report)
        fitted = model.fit(batches, verbose=0, shuffle=False, callbacks=[progress])
        accuracy = self._judge(model, batches, crops)
        entry = {
            "epoch": epoch + 1,
            "size_px": stage.size_px,
            "loss": float(fitted.history["loss"][0]),
            "validation_accuracy": accuracy,
            "seconds": time.monotonic() - started,
            "backend": keras.backend.backend(),
        }
        self.history.append(entry)
        _save(model, self.folder / "last.keras")  # before the history: at worst an epoch is trained twice
        _write(self.folder / "history.json", json.dumps(self.history, indent=1))
        self.report(
            f"epoch {epoch + 1}/{self._epochs()} · {stage.size_px} px · loss {entry['loss']:.4f} · "
            f"validation {accuracy:.2%} · {entry['seconds']:.0f} s · about {self._minutes_left():.0f} min left\n"
        )

    def _judge(self, model: keras.Model, batches: AugmentedFaces, crops: NDArray[np.uint8]) -> float:
        """Return the averaged weights' accuracy; keep them when no earlier epoch of this size did better."""
        current = [np.array(weight) for weight in model.get_weights()]  # copies: on PyTorch they are views
        model.optimizer.finalize_variable_values(model.trainable_variables)
        recalibrate(model, (batches[index][0] for index in range(min(RECALIBRATION_BATCHES, len(batches)))))
        values = self.recipe.preprocess.to_values(crops)
        scores = model.predict(values, batch_size=128, verbose=0)
        accuracy = float((scores.argmax(axis=1) == self.validation.labels).mean())
        size = crops.shape[1]
        best = max((h["validation_accuracy"] for h in self.history if h["size_px"] == size), default=0.0)
        if accuracy > best:
            portable = build(self.recipe, size)
            portable.set_weights(model.get_weights())
            _save(portable, self.folder / "best.keras")
        model.set_weights(current)
        return accuracy

    def _epochs(self) -> int:
        return sum(stage.epochs for stage in self.recipe.training.stages)

    def _minutes_left(self) -> float:
        """Estimate from the last epoch, taking time as proportional to the pixels of an epoch."""
        sizes = [stage.size_px for stage in self.recipe.training.stages for _ in range(stage.epochs)]
        last = self.history[-1]
        per_pixel = last["seconds"] / last["size_px"] ** 2
        return float(sum(per_pixel * size**2 for size in sizes[len(self.history) :]) / 60)


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """A line on the terminal that says how far an epoch is."""

    def __init__(self, title: str, batches: int, report: Callable[[str], None]) -> None:
        super().__init__()
        self._title, self._batches, self._report, self._started = title, batches, report, time.monotonic()
        self._shown = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = time.monotonic()
        if now - self._shown < 0.5:
            return
        self._shown = now
        left = (now - self._started) / (batch + 1) * (self._batches - batch - 1)
        loss = (logs or {}).get("loss", math.nan)
        self._report(f"\r{self._title}: {batch + 1}/{self._batches}, loss {loss:.4f}, {left:.0f} s left \r")


def _save(model: keras.Model, path: Path) -> None:
    beside = path.with_name(f"{path.stem}.part{path.suffix}")
    model.save(beside)
    beside.replace(path)


def _write(path: Path, text: str) -> None:
    beside = path.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
