"""The folder of a training run: its history and its models, kept after each epoch so that the run can be resumed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import keras

from edge_fer import files
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_fer_train.recipe import Stage


class Entry(TypedDict, total=False):
    """The figures of one epoch. Not all are required: the files of earlier versions have fewer."""

    epoch: int
    """From 1."""
    size_px: int
    loss: float
    accuracy: float
    """On the training faces, as training saw them."""
    validation_loss: float
    validation_accuracy: float
    validation_accuracy_alone: list[float]
    """Accuracy of each network alone, in models that join networks and train with an auxiliary loss."""
    seconds: float
    backend: str
    """The Keras backend that computed the epoch."""


def save_model(model: keras.Model, path: Path) -> None:
    """Save *model* at *path*, whole or not at all."""
    with files.replacing(path) as beside:
        model.save(beside)


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps ``history.json``, ``last.keras`` and ``best.keras``."""

    path: Path

    @property
    def best(self) -> Path:
        """The averaged weights of the best epoch at the current size, channels last."""
        return self.path / "best.keras"

    @property
    def last(self) -> Path:
        """The model after the last epoch with its optimizer, for resuming."""
        return self.path / "last.keras"

    @property
    def history_file(self) -> Path:
        """The history: a list with one entry per epoch."""
        return self.path / "history.json"

    def read_history(self) -> list[Entry]:
        """Return the entries of the epochs that are done; none in a new folder.

        Raises `BadInput` when the file is damaged.
        """
        if not self.history_file.exists():
            return []
        try:
            history: list[Entry] = json.loads(self.history_file.read_text(encoding="utf-8"))
        # Text that is no JSON, or no UTF-8, is a ValueError.
        except (OSError, ValueError) as exc:
            raise BadInput(f"{self.history_file} is damaged: {exc}; choose another folder, or empty this one") from exc
        return history

    def load_last(self) -> keras.Model:
        """Load the model after the last epoch, compiled. Raises `BadInput` when it is missing."""
        if not self.last.exists():
            raise BadInput(f"{self.path} has a history but no last.keras; choose another folder, or empty this one")
        return keras.saving.load_model(self.last)

    def save_epoch(self, model: keras.Model, history: Sequence[Entry]) -> None:
        """Save *model* and the *history* that ends with its epoch."""
        # The model first: a run that is interrupted between the two repeats an epoch instead of losing one.
        save_model(model, self.last)
        files.write(self.history_file, json.dumps(list(history), indent=1))

    def set_best_aside(self, size_px: int) -> None:
        """Rename the best model to ``best-<size>.keras``: the next stage has another size and a best of its own."""
        if self.best.exists():
            self.best.rename(self.path / f"best-{size_px}.keras")


def best_accuracy(history: Sequence[Entry], size_px: int) -> float:
    """Return the best validation accuracy of the epochs at *size_px*; -1 when there are none."""
    accuracies = [entry["validation_accuracy"] for entry in history if entry["size_px"] == size_px]
    return max(accuracies, default=-1.0)


def minutes_left(history: Sequence[Entry], stages: Sequence[Stage]) -> float:
    """Estimate the minutes left after the last epoch of *history*: an epoch's time grows with its pixels."""
    last = history[-1]
    seconds_per_pixel = last["seconds"] / last["size_px"] ** 2
    sizes: list[int] = []
    for stage in stages:
        sizes += [stage.size_px] * stage.epochs
    pixels = sum(size**2 for size in sizes[len(history) :])
    return float(seconds_per_pixel * pixels / 60)
