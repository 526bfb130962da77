"""Opens a float model of any kind that edge-fer reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput
from edge_fer_convert.opening.keras_models import open_keras_file, open_keras_model
from edge_fer_convert.opening.onnx_models import open_onnx
from edge_fer_convert.opening.saved_models import open_saved_model
from edge_fer_convert.opening.tflite_models import open_tflite
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from edge_fer_convert.float_model import FloatModel

KINDS: Final = "a .keras or .h5 file, a SavedModel folder, an .onnx or a float .tflite"


def open_model(source: str | Path | keras.Model, size_px: int | None = None, custom: str | None = None) -> FloatModel:
    """Open *source*: a Keras 3 model, or the path of a model file or folder.

    *size_px* sets the side of the face where the model leaves it open. *custom* names a Python module that registers
    the model's own layers; it is imported first. Raises `BadInput` with the reason and what to do.
    """
    if custom:
        _import(custom)
    if not isinstance(source, str | Path):
        return open_keras_model(source, size_px)
    path = Path(source)
    if not path.exists():
        raise BadInput(f"no model at {path}; pass {KINDS}")
    return _opener(path)(path, size_px)


def _opener(path: Path) -> Callable[[Path, int | None], FloatModel]:
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return open_saved_model
        raise BadInput(f"{path} is a folder without saved_model.pb; pass {KINDS}")
    suffix = path.suffix.lower()
    if suffix in checkpoints.SUFFIXES:
        return open_keras_file
    if suffix == ".onnx":
        return open_onnx
    if suffix == ".tflite":
        return open_tflite
    raise BadInput(f"{path} is of an unknown kind; pass {KINDS} (from PyTorch, torch.onnx.export makes an .onnx)")


def _import(module: str) -> None:
    import importlib

    try:
        importlib.import_module(module)
    except ImportError as exc:
        raise BadInput(f"--custom {module} cannot be imported: {exc}; put its folder on PYTHONPATH") from exc
