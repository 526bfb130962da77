"""Reads labelled faces from a csv in FER2013's form: columns *emotion*, *pixels*, and perhaps *Usage*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.emotions import FER2013, find
from edge_fer.errors import BadInput
from edge_fer.evaluation import class_names
from edge_fer.evaluation.face_set import LabelledFaces, stack
from edge_fer.evaluation.tables import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SHOWN: Final = 40
"""How many characters of a cell an error message shows."""


def read(path: Path, part: str, names: tuple[str, ...] | None) -> LabelledFaces:
    """Return the faces of *path* whose *Usage* is *part*, or all of them when *part* is empty.

    A label is FER2013's number or a word that means one of its classes. The classes are *names*, by default those of
    FER2013. Raises `BadInput` with the line that cannot be read, for faces of a class that is not in *names*, and for a
    part that is not there.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    paths: list[str] = []
    usages: dict[str, None] = {}
    for line, row in read_rows(path, ("emotion", "pixels"), "csv in FER2013's form", optional=("Usage",)):
        usage = row.get("Usage", "")
        usages[usage] = None
        if part and usage != part:
            continue
        try:
            images.append(_pixels(row["pixels"]))
            labels.append(_label(row["emotion"]))
        except (ValueError, OverflowError) as exc:
            raise BadInput(f"{path}, line {line}: {exc}; remove the line, or download the file again") from exc
        paths.append(f"{usage}/line {line}" if usage else f"line {line}")
    if part and not images:
        parts = ", ".join(filter(None, usages)) or "none, as it has no column Usage"
        raise BadInput(f"{path} has no part {part!r}; its parts are: {parts}")
    of_fer2013 = np.array(labels, np.int64)
    if names is None:
        return LabelledFaces(stack(images), of_fer2013, tuple(paths), FER2013)
    mapped = class_names.relabelled(of_fer2013, FER2013, names, str(path))
    return LabelledFaces(stack(images), mapped, tuple(paths), names)


def _pixels(text: str) -> NDArray[np.uint8]:
    """Return the square image that *text* lists row by row, as ``(side, side)`` uint8."""
    # Not uint8 at once: 300 is to be refused, and not to wrap around to 44.
    values = np.array(text.split(), np.int64)
    side = int(len(values) ** 0.5)
    if side == 0 or side**2 != len(values):
        raise ValueError(f"pixels holds {len(values)} numbers, which make no square image")
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"pixels goes from {values.min()} to {values.max()}, not from 0 to 255")
    return values.astype(np.uint8).reshape(side, side)


def _label(text: str) -> int:
    """Return the position in `FER2013` that *text*, a number or a word, means. Raises `ValueError`."""
    try:
        label = int(text.removesuffix(".0"))  # spreadsheets and pandas write whole numbers so
    except ValueError:
        position = find(text, FER2013)
        if position is None:
            raise ValueError(
                f"emotion is {text[:SHOWN]!a}, which is no number and no word for {', '.join(FER2013)}"
            ) from None
        return position
    if not 0 <= label < len(FER2013):
        raise ValueError(f"emotion is {label}, but labels go from 0 to {len(FER2013) - 1}")
    return label
