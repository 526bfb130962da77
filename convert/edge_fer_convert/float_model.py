"""Opens a float model and brings it to the two forms that all targets are made from: LiteRT and ONNX.

TensorFlow's converter makes a float ``.tflite`` of a Keras model or SavedModel, and tf2onnx makes ONNX of that. An
``.onnx`` stays as it is; OpenVINO reads ONNX. Nothing here makes LiteRT of ONNX.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.dependencies import raise_broken_import
from edge_fer.errors import BadInput, MissingDependency, one_line
from edge_fer.preprocess import Preprocess
from edge_fer_convert.formats import onnx_file, tflite_file
from edge_fer_convert.originals import KerasModel, OnnxModel, Serving, TFLiteModel, WithSoftmax
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import keras
    from numpy.typing import NDArray

    from edge_fer_convert.formats.axes import Shape
    from edge_fer_convert.originals import Original

KINDS: Final = "a .keras or .h5 file, a SavedModel folder, an .onnx or a float .tflite"


@dataclass(frozen=True)
class FloatModel:
    """A classifier in float32 that takes one face at a time, in every form that it can take."""

    shape: tuple[int, int, int, int]
    """Of the input: ``(1, N, N, channels)`` or ``(1, channels, N, N)``."""
    classes: int
    tflite: bytes | None
    given_onnx: bytes | None = None
    """The ONNX form where ONNX was opened; otherwise it is made from the ``.tflite`` when first asked for."""
    why_no_litert: str = ""
    original: Original | None = field(default=None, compare=False, repr=False)
    """The model as it was opened, which every form is compared with; None for a form made of another one."""

    @property
    def onnx(self) -> bytes | None:
        """The model as ONNX; None when it cannot be expressed in ONNX."""
        return self._onnx_or_reason[0]

    @property
    def size_px(self) -> int:
        """Side N of the face that the model takes."""
        return self.shape[2]

    @property
    def planes(self) -> int:
        """Number of channels that the model takes: 1 or 3."""
        channels_last = self.shape[1] == self.shape[2]
        return self.shape[3] if channels_last else self.shape[1]

    def preprocess(self, **settings: Any) -> Preprocess:
        """Return the preprocessing spec for this model's input: size and channels are the model's.

        *settings* are other fields of `Preprocess`, for instance ``low=-1.0``. Raises pydantic's `ValidationError`.
        """
        return Preprocess(size_px=self.size_px, channels="gray3" if self.planes == 3 else "gray", **settings)

    def can_be(self, target: str) -> str | None:
        """Return why this model cannot become *target* and what to do about it, or None when it can."""
        if target.startswith("litert"):
            return self.why_no_litert if self.tflite is None else None
        return self._onnx_or_reason[1] or None

    @cached_property
    def _onnx_or_reason(self) -> tuple[bytes | None, str]:
        """The ONNX form, or why there is none."""
        if self.given_onnx is not None or self.tflite is None:
            return self.given_onnx, ""
        try:
            content = onnx_file.from_tflite(self.tflite)
            if None in onnx_file.shapes(content)[0]:
                content = onnx_file.with_fixed_input(content, self.shape)  # a .tflite may leave its batch open
        except Exception as exc:  # noqa: BLE001  (tf2onnx raises anything; LiteRT's targets can be produced all the same)
            raise_broken_import(exc)
            return None, f"tf2onnx cannot make ONNX of the model ({one_line(exc)}); pass an .onnx of your own"
        return content, ""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        # The .tflite where there is one, so that ONNX need not be made for this.
        if self.tflite is not None:
            return tflite_file.run(self.tflite, values)
        return onnx_file.run(self.onnx or b"", values, self.shape)

    def with_softmax(self) -> FloatModel:
        """Return the same model ending in a softmax."""
        tflite = None
        if self.tflite is not None:
            tflite = tflite_file.append_softmax(self.tflite)
        # An ONNX form that exists is extended. One that does not is left to be made from the new .tflite when needed,
        # because making it takes minutes for a large model.
        onnx, _ = vars(self).get("_onnx_or_reason", (self.given_onnx, ""))
        if onnx is not None:
            onnx = onnx_file.append_softmax(onnx)
        original = None if self.original is None else WithSoftmax(self.original)
        return replace(self, tflite=tflite, given_onnx=onnx, original=original)


def open_model(source: str | Path | keras.Model, size_px: int | None = None, custom: str | None = None) -> FloatModel:
    """Open *source*: a Keras 3 model, or the path of a model file or folder.

    *size_px* sets the side of the face where the model leaves it open. *custom* names a Python module that registers
    the model's own layers; it is imported first. Raises `BadInput` with the reason and what to do.
    """
    if custom:
        _import(custom)
    if not isinstance(source, str | Path):
        return _from_keras(source, size_px)
    path = Path(source)
    if not path.exists():
        raise BadInput(f"no model at {path}; pass {KINDS}")
    return _opener(path)(path, size_px)


def _opener(path: Path) -> Callable[[Path, int | None], FloatModel]:
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return _open_saved_model
        raise BadInput(f"{path} is a folder without saved_model.pb; pass {KINDS}")
    suffix = path.suffix.lower()
    if suffix in checkpoints.SUFFIXES:
        return _open_keras
    if suffix == ".onnx":
        return _open_onnx
    if suffix == ".tflite":
        return _open_tflite
    raise BadInput(f"{path} is of an unknown kind; pass {KINDS} (from PyTorch, torch.onnx.export makes an .onnx)")


def _import(module: str) -> None:
    import importlib

    try:
        importlib.import_module(module)
    except ImportError as exc:
        raise BadInput(f"--custom {module} cannot be imported: {exc}; put its folder on PYTHONPATH") from exc


def _open_keras(path: Path, size_px: int | None) -> FloatModel:
    try:
        with _custom_layers():
            return _from_keras(checkpoints.load(path), size_px)
    except BadInput:
        raise
    # Keras raises all of these for a file that it cannot read.
    except (ValueError, TypeError, OSError, KeyError, AttributeError, zipfile.BadZipFile, NotImplementedError) as exc:
        raise_broken_import(exc)
        raise BadInput(_why_unreadable(path, exc)) from exc


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


def _from_keras(model: keras.Model, size_px: int | None) -> FloatModel:
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
    shape = _fixed(tuple(model.inputs[0].shape), size_px)
    model = _in_float32(model)
    # Through a SavedModel, so that Keras models and SavedModels of other programs take the same way.
    signature = keras.InputSpec(shape=shape, dtype="float32", name="face")
    archive = keras.export.ExportArchive()
    archive.track(model)
    # Not model.export(), which keeps the operations of layers that augment faces in training.
    archive.add_endpoint("serve", lambda face: model(face, training=False), input_signature=[signature])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        opened = _open_saved_model(Path(folder), size_px)
    return replace(opened, original=KerasModel(model, shape))


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


def _open_saved_model(path: Path, size_px: int | None) -> FloatModel:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as exc:
        raise BadInput(f"{path} is no readable SavedModel: {one_line(exc)}") from exc
    signatures = loaded.signatures
    if "serving_default" not in signatures:
        raise BadInput(f"{path} has no signature serving_default but {list(signatures)}; export it with model.export()")
    # The name under which Keras, TensorFlow and most exporters put a model's inference function.
    serve = signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    outputs = serve.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise BadInput(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; a FER classifier has one each")
    ((input_name, spec),) = inputs.items()
    (output_name,) = outputs
    shape = _fixed(tuple(spec.shape), size_px)

    # A batch of one, fixed: an open batch leaves shape arithmetic in the file that no delegate executes.
    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="face")])  # type: ignore[untyped-decorator]
    def classify(face: Any) -> dict[str, Any]:
        return {"scores": serve(**{input_name: face})[output_name]}

    # The loaded model is passed along, because the converter must keep its variables alive.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()], loaded)
    try:
        content = bytes(converter.convert())
        tflite_file.refuse_quantized(content, "the model")
        opened = _from_tflite(content)
    except BadInput:
        raise
    except Exception as exc:  # the converter's own error derives from nothing narrower
        raise BadInput(f"TensorFlow cannot express the model in LiteRT's operations: {one_line(exc)}") from exc
    return replace(opened, original=Serving(lambda face: classify(face)["scores"], shape))


def _open_tflite(path: Path, size_px: int | None) -> FloatModel:
    del size_px  # the sides of a .tflite cannot be set afterwards
    content = tflite_file.read(path)
    input_shape, _ = tflite_file.shapes(content)
    if any(side is None for side in input_shape[1:]):
        raise BadInput(
            f"{path} leaves sides of its input open, {_shown(input_shape)}, and those of a .tflite cannot be set "
            "afterwards; pass the model that it was made from, with --size"
        )
    return replace(_from_tflite(content), original=TFLiteModel(content))


def _from_tflite(content: bytes) -> FloatModel:
    input_shape, output_shape = tflite_file.shapes(content)
    return FloatModel(_fixed(input_shape, None), _classes(output_shape), content)


def _open_onnx(path: Path, size_px: int | None) -> FloatModel:
    content = onnx_file.read(path)
    input_shape, output_shape = onnx_file.shapes(content)
    shape = _fixed(input_shape, size_px)
    content = onnx_file.with_fixed_input(content, shape)
    model = FloatModel(
        shape,
        _classes(output_shape),
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


def _fixed(shape: Shape, size_px: int | None) -> tuple[int, int, int, int]:
    """Return the input *shape* with a batch of one, and with *size_px* where its sides are open.

    Raises `BadInput` for a shape that no square face fits.
    """
    shown = _shown(shape)
    if len(shape) != 4:
        raise BadInput(f"the model's input is {shown}; a FER classifier takes (1, N, N, 1 or 3) or (1, 1 or 3, N, N)")
    # Which axis holds the channels follows from its size: no face is 1 or 3 pixels wide.
    batch = shape[0]
    channels_last = shape[3] in (1, 3)
    planes = shape[3] if channels_last else shape[1]
    sides = shape[1:3] if channels_last else shape[2:4]
    if planes not in (1, 3):
        raise BadInput(f"the model's input is {shown}: neither its last nor its second axis is 1 or 3 channels")
    height, width = [size_px if side is None else side for side in sides]
    if height is None or width is None:
        raise BadInput(f"the model's input is {shown}: its sides are open; set them with --size, e.g. --size 96")
    if height != width:
        raise BadInput(f"the model's input is {shown}, faces are square; export the model with a square input")
    if size_px is not None and height != size_px:
        raise BadInput(f"the model's input is {shown}, --size says {size_px}; leave --size out")
    if batch not in (None, 1):
        raise BadInput(f"the model's input is {shown}: its batch is fixed to {batch}; export it with a batch of 1")
    return (1, height, width, planes) if channels_last else (1, planes, height, width)


def _shown(shape: Shape) -> tuple[int | str, ...]:
    return tuple("?" if size is None else size for size in shape)


def _classes(shape: Shape) -> int:
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise BadInput(f"the model's output is {shape}; a classifier gives (1, classes) with two classes or more")
    return int(shape[1])
