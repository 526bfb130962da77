"""Opens Keras models, from a file or from memory."""

from __future__ import annotations

import re
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_fer.dependencies import raise_broken_import
from edge_fer.errors import BadInput, MissingDependency, one_line
from edge_fer_convert.opening.saved_models import open_saved_model
from edge_fer_convert.opening.shapes import fixed
from edge_fer_convert.originals import KerasModel
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

    from edge_fer_convert.float_model import FloatModel


def open_keras_file(path: Path, size_px: int | None) -> FloatModel:
    """Open a Keras file; *size_px* sets open sides. Raises `BadInput` with what is wrong with it and what to do."""
    try:
        with _custom_layers():
            return open_keras_model(checkpoints.load(path), size_px)
    except BadInput:
        raise
    # Keras raises all of these for a file that it cannot read.
    except (ValueError, TypeError, OSError, KeyError, AttributeError, zipfile.BadZipFile, NotImplementedError) as exc:
        raise_broken_import(exc)
        raise BadInput(_why_unreadable(path, exc)) from exc


def open_keras_model(model: keras.Model, size_px: int | None) -> FloatModel:
    """Open a Keras *model* in memory; *size_px* sets open sides. Raises `BadInput` for one that is no classifier."""
    import keras

    if keras.backend.backend() != "tensorflow":
        raise MissingDependency(
            f"converting needs Keras on TensorFlow, it runs on {keras.backend.backend()}: set KERAS_BACKEND=tensorflow"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BadInput(
            f"the model has {len(model.inputs)} inputs and {len(model.outputs)} outputs; a classifier has one each: "
            "feed both branches of a fused model from one Input, and give one output"
        )
    shape = fixed(tuple(model.inputs[0].shape), size_px)
    model = _in_float32(model)
    # Through a SavedModel, so that Keras models and SavedModels of other programs take the same way.
    signature = keras.InputSpec(shape=shape, dtype="float32", name="face")
    archive = keras.export.ExportArchive()
    archive.track(model)
    # Not model.export(), which keeps the operations of layers that augment faces in training.
    archive.add_endpoint("serve", lambda face: model(face, training=False), input_signature=[signature])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        opened = open_saved_model(Path(folder), size_px)
    return replace(opened, original=KerasModel(model, shape))


@contextmanager
def _custom_layers() -> Iterator[None]:
    """Let Keras 3 read depthwise convolutions of Keras 2, whose configuration also names the number of groups."""
    import keras

    class DepthwiseConv2D(keras.layers.DepthwiseConv2D):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self, *args: Any, groups: int = 1, **options: Any) -> None:
            del groups
            super().__init__(*args, **options)

    with keras.saving.custom_object_scope({"DepthwiseConv2D": DepthwiseConv2D}):
        yield


def _in_float32(model: keras.Model) -> keras.Model:
    """Return *model* with layers that compute in float32: those of one trained in mixed precision do not."""
    import keras

    policies = re.compile(r'"mixed_b?float16"')
    architecture = model.to_json()
    if not policies.search(architecture):
        return model
    again = keras.models.model_from_json(policies.sub('"float32"', architecture))
    again.set_weights(model.get_weights())
    return again


def _why_unreadable(path: Path, exc: Exception) -> str:
    """Return what is wrong with a Keras file and what to do, as far as Keras' message tells."""
    # Keras has no error classes for these cases, so its messages are searched.
    message = str(exc)
    reason = one_line(exc)
    if "lambda" in message.lower() or "safe_mode" in message:
        return f"{path} holds a Lambda layer, which is code: replace it by a layer of Keras ({reason})"
    for sign in ("Could not locate class", "Unknown layer", "register_keras_serializable"):
        if sign in message:
            return (
                f"{path} has layers that Keras does not know; decorate them with "
                "@keras.saving.register_keras_serializable and pass the module that defines them with --custom "
                f"({reason})"
            )
    if path.suffix != ".keras":
        return f"{path}: Keras 3 cannot read it ({reason}); load it where it was made and export a SavedModel"
    return f"{path} is no readable .keras file ({reason}); save it again with model.save()"
