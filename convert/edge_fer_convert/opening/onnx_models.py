"""Opens ``.onnx`` files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.errors import BadInput
from edge_fer_convert.float_model import FloatModel
from edge_fer_convert.formats import onnx_file
from edge_fer_convert.opening.shapes import classes, fixed
from edge_fer_convert.originals import OnnxModel

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_convert.opening.choices import Choices


def open_onnx(path: Path, choices: Choices) -> FloatModel:
    """Open an ``.onnx`` file. Raises `BadInput` for one that is no float classifier."""
    content = onnx_file.read(path)
    input_shape, output_shape = onnx_file.shapes(content)
    shape = fixed(input_shape, choices.size_px)
    content = onnx_file.with_fixed_input(content, shape)
    model = FloatModel(
        shape,
        classes(output_shape),
        None,
        content,
        why_no_litert=f"{path} is ONNX, and LiteRT is made from Keras, a SavedModel or a float .tflite: "
        "pip install onnx2tf && onnx2tf -i model.onnx -o saved_model, then convert saved_model",
    )
    # Shape inference accepts models that ONNX Runtime cannot execute, so one face is tried.
    face = np.zeros((1, model.size_px, model.size_px, model.planes), np.float32)
    model.scores(face)
    original = OnnxModel(onnx_file.as_saved(path), shape)
    try:
        original.scores(face)
    except BadInput:  # of operators so old that only the raised model can be executed
        return model
    return replace(model, original=original)
