"""Opens ``.pt2`` archives of ``torch.export``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edge_fer.errors import BadInput, one_line
from edge_fer_convert.float_model import FloatModel
from edge_fer_convert.formats import onnx_file, pt2_file
from edge_fer_convert.opening.outputs import chosen
from edge_fer_convert.opening.shapes import classes, fixed
from edge_fer_convert.pytorch.process import ToolError, TorchModel, TorchProcess

if TYPE_CHECKING:
    from edge_fer_convert.opening.choices import Choices


def open_torch(path: Path, choices: Choices) -> FloatModel:
    """Open a ``.pt2`` archive.

    Raises `BadInput` for one that is no float classifier or that neither tool converts, and `MissingDependency` where
    PyTorch or litert-torch are not installed.
    """
    contents = pt2_file.read(path)
    shape = fixed(contents.input_shape, choices.size_px)
    name = chosen(contents.outputs, choices.output)
    output = list(contents.outputs).index(name)
    process = TorchProcess(choices.torch_python)
    process.require()
    tflite, why_no_litert = _as_litert(process, path, shape, output)
    onnx, why_no_onnx = _as_onnx(process, path, shape, output)
    if tflite is None and onnx is None:
        raise BadInput(f"{path} cannot become LiteRT ({why_no_litert}), nor ONNX ({why_no_onnx})")
    # Without ONNX of torch.onnx, tf2onnx is tried.
    return FloatModel(
        shape,
        classes(contents.outputs[name]),
        tflite,
        onnx,
        why_no_litert=f"litert-torch cannot make LiteRT of {path} ({why_no_litert})",
        original=TorchModel(process, path, shape, output),
    )


def _as_litert(
    process: TorchProcess, path: Path, shape: tuple[int, int, int, int], output: int
) -> tuple[bytes | None, str]:
    """Return the model as a float ``.tflite``, or why that cannot be."""
    try:
        return process.to_litert(path, shape, output), ""
    except ToolError as exc:
        return None, one_line(exc)


def _as_onnx(
    process: TorchProcess, path: Path, shape: tuple[int, int, int, int], output: int
) -> tuple[bytes | None, str]:
    """Return the model as ONNX, or why that cannot be."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "model.onnx"
            made.write_bytes(process.to_onnx(path, shape, output))
            return onnx_file.with_fixed_input(onnx_file.read(made), shape), ""
    except (ToolError, BadInput) as exc:
        return None, one_line(exc)
