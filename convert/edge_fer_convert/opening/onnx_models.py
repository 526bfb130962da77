"""Opens ``.onnx`` files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.errors import BadInput, MissingDependency, one_line
from edge_fer_convert.float_model import FloatModel
from edge_fer_convert.formats import onnx_file
from edge_fer_convert.opening.shapes import classes, fixed
from edge_fer_convert.originals import OnnxModel
from edge_fer_convert.pytorch.process import ToolError, TorchProcess

if TYPE_CHECKING:
    from edge_fer_convert.opening.choices import Choices


def open_onnx(path: Path, choices: Choices) -> FloatModel:
    """Open an ``.onnx`` file. Raises `BadInput` for one that is no float classifier."""
    content = onnx_file.read(path)
    input_shape, output_shape = onnx_file.shapes(content)
    shape = fixed(input_shape, choices.size_px)
    content = onnx_file.with_fixed_input(content, shape)
    model = FloatModel(shape, classes(output_shape), None, content)
    # Shape inference accepts models that ONNX Runtime cannot execute, so one face is tried.
    face = np.zeros((1, model.size_px, model.size_px, model.planes), np.float32)
    model.scores(face)
    original = OnnxModel(onnx_file.as_saved(path), shape)
    try:
        original.scores(face)
    except BadInput:  # of operators so old that only the raised model can be executed
        original = OnnxModel(content, shape)
    tflite, why_not = _as_litert(content, shape, choices)
    return replace(model, original=original, tflite=tflite, why_no_litert=why_not)


def _as_litert(content: bytes, shape: tuple[int, int, int, int], choices: Choices) -> tuple[bytes | None, str]:
    """Return the ONNX model *content* as a float ``.tflite``, or why that cannot be."""
    process = TorchProcess(choices.torch_python)
    try:
        process.require()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(onnx_file.simplified(content))
            return process.to_litert(path, shape), ""
    except MissingDependency as exc:
        if choices.torch_python is not None:
            raise
        return None, f"LiteRT is made of ONNX by way of PyTorch; {exc}"
    except (ToolError, BadInput) as exc:
        return None, f"this ONNX model cannot become LiteRT ({one_line(exc)}); where it was made, export a .pt2"
