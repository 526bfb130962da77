"""Opens a float model of any kind that edge-fer reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput
from edge_fer_convert.opening.choices import Choices
from edge_fer_convert.opening.keras_models import open_keras_file, open_keras_model
from edge_fer_convert.opening.onnx_models import open_onnx
from edge_fer_convert.opening.saved_models import open_saved_model
from edge_fer_convert.opening.tflite_models import open_tflite
from edge_fer_convert.opening.torch_models import open_torch
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from edge_fer_convert.float_model import FloatModel

KINDS: Final = "a .keras or .h5 file, a SavedModel folder, a .pt2 of torch.export, an .onnx or a float .tflite"
ADVICE: Final = {
    ".pb": "of a frozen graph, tf.compat.v1.saved_model.simple_save makes a SavedModel: pass its folder",
    ".json": "that is a model without its weights: pass the .h5 of the weights, with the same name beside it",
    **dict.fromkeys(
        (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin", ".torchscript", ".jit"),
        "what PyTorch pickles may hold code, so edge-fer never reads it: load it where it was made, and save "
        "torch.export.save(torch.export.export(model.eval(), (face,)), 'model.pt2')",
    ),
}
"""What to do with files that hold a model and cannot be opened, by their suffix."""


def open_model(source: str | Path | keras.Model, choices: Choices | None = None) -> FloatModel:
    """Open *source*, a Keras 3 model or the path of a model file or folder, as *choices* say.

    Raises `BadInput` with the reason and what to do.
    """
    choices = choices or Choices()
    if choices.custom:
        _import(choices.custom)
    opened = _opened(source, choices)
    if choices.columns is not None:
        opened = opened.with_columns(*choices.columns)
    return opened


def _opened(source: str | Path | keras.Model, choices: Choices) -> FloatModel:
    if not isinstance(source, str | Path):
        return open_keras_model(source, choices)
    path = Path(source)
    if not path.exists():
        raise BadInput(f"no model at {path}; pass {KINDS}")
    return _opener(path)(path, choices)


def _opener(path: Path) -> Callable[[Path, Choices], FloatModel]:
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return open_saved_model
        raise BadInput(f"{path} is a folder without saved_model.pb; pass {KINDS}")
    if path.name == "saved_model.pb":
        raise BadInput(f"{path} is one file of a SavedModel; pass its folder, {path.parent}")
    suffix = path.suffix.lower()
    if suffix in checkpoints.SUFFIXES:
        return open_keras_file
    if suffix == ".onnx":
        return open_onnx
    if suffix == ".pt2":
        return open_torch
    if suffix == ".tflite":
        return open_tflite
    raise BadInput(f"{path} is of an unknown kind; {ADVICE.get(suffix, f'pass {KINDS}')}")


def _import(module: str) -> None:
    import importlib

    try:
        importlib.import_module(module)
    except ImportError as exc:
        raise BadInput(f"--custom {module} cannot be imported: {exc}; put its folder on PYTHONPATH") from exc
