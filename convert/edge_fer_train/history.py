"""The history of a training run: the figures of each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypedDict, cast

from pydantic import Field, FiniteFloat, TypeAdapter

from edge_fer.frozen import Frozen
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

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


Share = Annotated[FiniteFloat, Field(ge=0, le=1)]


class _ReadEntry(Frozen):
    """An `Entry` as it is read from a file."""

    epoch: Annotated[int, Field(ge=1)]
    size_px: Annotated[int, Field(ge=1)]
    loss: FiniteFloat = 0.0
    accuracy: Share = 0.0
    validation_loss: FiniteFloat = 0.0
    validation_accuracy: Share
    validation_accuracy_alone: list[Share] = Field([])
    seconds: Annotated[FiniteFloat, Field(ge=0)]
    backend: str = ""


_ENTRIES: Final = TypeAdapter(list[_ReadEntry])


def entries_of(content: bytes) -> list[Entry]:
    """Return the entries in the JSON *content*. Raises `ValueError` where it is no history of epochs 1, 2, 3, …"""
    read = _ENTRIES.validate_json(content)
    for number, entry in enumerate(read, start=1):
        if entry.epoch != number:
            raise ValueError(f"entry {number} is of epoch {entry.epoch}")
    # Without the defaults: what the file lacks was not measured.
    return [cast("Entry", entry.model_dump(exclude_unset=True)) for entry in read]


def check_stages(history: Sequence[Entry], stages: Sequence[Stage]) -> None:
    """Raise `ValueError` where *history* has more epochs than *stages*, or epochs of other sizes."""
    sizes = epoch_sizes(stages)
    if len(history) > len(sizes):
        raise ValueError(f"it has {counted(len(history), 'epoch')}, where the recipe has {len(sizes)}")
    for entry, size_px in zip(history, sizes, strict=False):
        if entry["size_px"] != size_px:
            raise ValueError(f"epoch {entry['epoch']} is at {entry['size_px']} px, where the recipe has {size_px}")


def epoch_sizes(stages: Sequence[Stage]) -> list[int]:
    """Return the input size of each epoch of *stages*, in pixels."""
    sizes: list[int] = []
    for stage in stages:
        sizes += [stage.size_px] * stage.epochs
    return sizes


def best_accuracy(history: Sequence[Entry], size_px: int) -> float:
    """Return the best validation accuracy of the epochs at *size_px*; -1 when there are none."""
    accuracies = [entry["validation_accuracy"] for entry in history if entry["size_px"] == size_px]
    return max(accuracies, default=-1.0)


def minutes_left(history: Sequence[Entry], stages: Sequence[Stage], later_runs: int = 0) -> float:
    """Estimate the minutes left after the last epoch of *history*: an epoch's time grows with its pixels.

    *later_runs* of the same *stages* come after this one: the folds that are left.
    """
    last = history[-1]
    seconds_per_pixel = last["seconds"] / last["size_px"] ** 2
    sizes = epoch_sizes(stages)
    pixels = sum(size**2 for size in sizes[len(history) :])
    pixels += later_runs * sum(size**2 for size in sizes)
    return float(seconds_per_pixel * pixels / 60)
