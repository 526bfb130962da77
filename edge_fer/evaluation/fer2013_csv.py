"""Reads labelled faces from a csv in FER2013's form: columns *emotion*, *pixels*, and perhaps *Usage*."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.face_set import LabelledFaces, stack
from edge_fer.evaluation.tables import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read(path: Path, part: str, names: tuple[str, ...] | None) -> LabelledFaces:
    """Return the faces of *path* whose *Usage* is *part*, or all of them when *part* is empty.

    Labels are positions in *names*, by default those of FER2013. Raises `BadInput` with the line that cannot be read.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    paths: list[str] = []
    names = names or FER2013
    for line, row in read_rows(path, ("emotion", "pixels"), "csv in FER2013's form"):
        usage = row.get("Usage")
        if part and usage != part:
            continue
        try:
            images.append(_pixels(row["pixels"]))
            labels.append(_label(row["emotion"], len(names)))
        except (ValueError, OverflowError) as exc:
            raise BadInput(f"{path}, line {line}: {exc}; remove the line, or download the file again") from exc
        paths.append(f"{usage}/line {line}" if usage else f"line {line}")
    return LabelledFaces(stack(images), np.array(labels, np.int64), tuple(paths), names)


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


def _label(text: str, classes: int) -> int:
    label = int(text)
    if not 0 <= label < classes:
        raise ValueError(f"emotion is {label}, but labels go from 0 to {classes - 1}")
    return label
