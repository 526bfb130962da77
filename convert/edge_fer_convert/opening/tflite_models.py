"""Opens float ``.tflite`` files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edge_fer.errors import BadInput
from edge_fer_convert.float_model import FloatModel
from edge_fer_convert.formats import tflite_file
from edge_fer_convert.opening.shapes import classes, fixed, shown
from edge_fer_convert.originals import TFLiteModel

if TYPE_CHECKING:
    from pathlib import Path


def open_tflite(path: Path, size_px: int | None) -> FloatModel:
    """Open a float ``.tflite`` file, the sides of which must be fixed. Raises `BadInput` for any other."""
    del size_px  # the sides of a .tflite cannot be set afterwards
    content = tflite_file.read(path)
    input_shape, _ = tflite_file.shapes(content)
    if any(side is None for side in input_shape[1:]):
        raise BadInput(
            f"{path} leaves sides of its input open, {shown(input_shape)}, and those of a .tflite cannot be set "
            "afterwards; pass the model that it was made from, with --size"
        )
    return replace(from_tflite(content), original=TFLiteModel(content))


def from_tflite(content: bytes) -> FloatModel:
    """Return the model in *content*, a float ``.tflite``. Raises `BadInput` for one that is no classifier of faces."""
    input_shape, output_shape = tflite_file.shapes(content)
    return FloatModel(fixed(input_shape, None), classes(output_shape), content)
