"""Opens float ``.tflite`` files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput
from edge_fer_convert.float_model import FloatModel
from edge_fer_convert.formats import tflite_ends, tflite_file, tflite_pruning, tflite_shapes
from edge_fer_convert.opening import outputs
from edge_fer_convert.opening.shapes import classes, fixed
from edge_fer_convert.originals import TFLiteModel

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_convert.opening.choices import Choices

SCALED: Final = "the model begins by scaling pixels down"
"""Why a model is taken for one that takes pixels from 0 to 255."""


def open_tflite(path: Path, choices: Choices) -> FloatModel:
    """Open a float ``.tflite`` file. Raises `BadInput` for any other."""
    content = tflite_file.read(path)
    shape = fixed(tflite_file.input_of(content)[0], choices.size_px)
    fixed_content = tflite_shapes.with_fixed_input(content, shape)
    shapes = tflite_file.outputs_of(fixed_content)
    number = list(shapes).index(outputs.chosen(shapes, choices.output))
    if len(shapes) > 1:
        content = tflite_ends.with_only_output(content, number)
        fixed_content = tflite_ends.with_only_output(fixed_content, number)
    return replace(from_tflite(fixed_content), original=TFLiteModel(content, shape))


def from_tflite(content: bytes) -> FloatModel:
    """Return the model in *content*, a float ``.tflite`` with one output.

    Raises `BadInput` for one that is no classifier of faces.
    """
    input_shape, dtype = tflite_file.input_of(content)
    takes_pixels = SCALED if tflite_file.takes_pixels(content) else ""
    if dtype.kind in "iu":
        takes_pixels = f"the model takes whole numbers ({dtype.name})"
    if dtype != "float32":
        content = tflite_ends.with_float_input(content)
    content = tflite_pruning.pruned(content)
    shapes = tflite_file.outputs_of(content)
    if len(shapes) != 1:
        raise BadInput(f"the model has {len(shapes)} outputs; a FER classifier has one")
    (output_shape,) = shapes.values()
    return FloatModel(
        fixed(input_shape, None),
        classes(output_shape),
        content,
        takes_pixels=takes_pixels,
        input_dtype=dtype.name,
    )
