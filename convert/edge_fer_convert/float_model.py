"""Opens what the user has, and brings it to the two float forms that all targets are made from: LiteRT and ONNX.

Keras and SavedModel become a float ``.tflite`` through TensorFlow's converter and from there ONNX through tf2onnx; an
``.onnx`` stays what it is. OpenVINO reads ONNX. What cannot go where is said before any work starts.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.errors import BadInput, MissingDependency
from edge_fer_convert import formats
from edge_fer_train import checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras
    from numpy.typing import NDArray

OPSET: Final = 18
KINDS: Final = "a .keras or .h5 file, a SavedModel folder, an .onnx or a float .tflite"


@dataclass(frozen=True)
class FloatModel:
    """A classifier in float32, batch of one, in every form that it can take."""

    shape: tuple[int, int, int, int]
    """Of the input: ``(1, N, N, planes)`` or ``(1, planes, N, N)``."""
    classes: int
    tflite: bytes | None
    given_onnx: bytes | None = None
    """Where ONNX is what was opened; otherwise it is made of the ``.tflite`` when first asked for."""
    why_no_litert: str = ""

    @property
    def onnx(self) -> bytes | None:
        """The model as ONNX; None when it cannot be made."""
        return self._as_onnx[0]

    @property
    def size_px(self) -> int:
        """Side N of the face that it takes."""
        return self.shape[2]

    @property
    def planes(self) -> int:
        """How many planes it takes: 1 or 3."""
        return self.shape[3] if self.shape[1] == self.shape[2] else self.shape[1]

    def can_be(self, target: str) -> str | None:
        """Return why this model cannot become *target*, with the way round, or None when it can."""
        if target.startswith("litert"):
            return self.why_no_litert if self.tflite is None else None
        return self._as_onnx[1] or None

    @cached_property
    def _as_onnx(self) -> tuple[bytes | None, str]:
        """What is known of it as ONNX: its bytes, or why there are none."""
        if self.given_onnx is not None or self.tflite is None:
            return self.given_onnx, ""
        try:
            return formats.tflite_to_onnx(self.tflite, OPSET), ""
        except Exception as exc:  # noqa: BLE001  (whatever tf2onnx trips over; LiteRT's targets are to be had all the same)
            reason = " ".join(str(exc).split())[:300]
            return None, f"tf2onnx cannot make ONNX of the model ({reason}); pass an .onnx of your own"

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``(n, classes)`` answers to ``(n, N, N, planes)`` *values*."""
        if self.tflite is not None:
            return formats.run_tflite(self.tflite, values)
        return formats.run_onnx(self.onnx or b"", values)

    def with_softmax(self) -> FloatModel:
        """Return the same model ending in a softmax."""
        tflite = formats.append_softmax_to_tflite(self.tflite) if self.tflite is not None else None
        known, _ = vars(self).get("_as_onnx", (self.given_onnx, ""))  # what was made is not made again
        onnx = formats.append_softmax_to_onnx(known) if known is not None else None
        return replace(self, tflite=tflite, given_onnx=onnx)


def open_model(source: str | Path | keras.Model, size_px: int | None = None, custom: str | None = None) -> FloatModel:
    """Open *source*: a path, or a Keras 3 model.

    *size_px* gives the side of the face where the model leaves it open. *custom* names a Python module to import first,
    which registers the layers of one's own. Raises `BadInput` with what is wrong, and the way round.
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
    openers = {
        **dict.fromkeys(checkpoints.SUFFIXES, _open_keras),
        ".onnx": _open_onnx,
        ".tflite": _open_tflite,
    }
    if path.suffix.lower() not in openers:
        raise BadInput(f"{path} is of no kind that is known; pass {KINDS} (PyTorch: torch.onnx.export makes an .onnx)")
    return openers[path.suffix.lower()]


def _import(module: str) -> None:
    import importlib

    try:
        importlib.import_module(module)
    except ImportError as exc:
        raise BadInput(f"--custom {module} cannot be imported: {exc}; it must be on PYTHONPATH") from exc


def _open_keras(path: Path, size_px: int | None) -> FloatModel:
    try:
        return _from_keras(checkpoints.load(path), size_px)
    except BadInput:
        raise
    except (ValueError, TypeError, OSError, KeyError, AttributeError, zipfile.BadZipFile, NotImplementedError) as exc:
        raise BadInput(_why_unreadable(path, str(exc))) from exc


def _why_unreadable(path: Path, reason: str) -> str:
    first = " ".join(reason.split())[:300]
    if "lambda" in reason.lower() or "safe_mode" in reason:
        return f"{path} holds a Lambda layer, which is code: replace it by a layer of Keras ({first})"
    if "Could not locate class" in reason or "Unknown layer" in reason or "register_keras_serializable" in reason:
        return (
            f"{path} has layers that Keras does not know; decorate them with @keras.saving.register_keras_serializable "
            f"and pass the module that defines them with --custom ({first})"
        )
    if path.suffix != ".keras":
        return f"{path}: Keras 3 does not read it ({first}); load it where it was made and export a SavedModel"
    return f"{path} is no readable .keras file ({first}); save it again with model.save()"


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
    signature = keras.InputSpec(shape=shape, dtype="float32", name="face")
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=[signature])
        return _open_saved_model(Path(folder), size_px)


def _open_saved_model(path: Path, size_px: int | None) -> FloatModel:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as exc:
        raise BadInput(f"{path} is no readable SavedModel: {' '.join(str(exc).split())[:300]}") from exc
    signatures = loaded.signatures
    if "serving_default" not in signatures:
        raise BadInput(f"{path} has no signature serving_default but {list(signatures)}; export it with model.export()")
    serve = signatures["serving_default"]
    inputs, outputs = serve.structured_input_signature[1], serve.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise BadInput(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; a FER classifier has one each")
    (name, spec), output = next(iter(inputs.items())), next(iter(outputs))
    shape = _fixed(tuple(spec.shape), size_px)

    # A batch of one, fixed: a free batch leaves shape arithmetic that no delegate takes.
    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="face")])  # type: ignore[untyped-decorator]
    def classify(face: Any) -> dict[str, Any]:
        return {"scores": serve(**{name: face})[output]}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()], loaded)
    try:
        return _from_tflite(bytes(converter.convert()))
    except BadInput:
        raise
    except Exception as exc:  # the converter's own error derives from nothing narrower
        raise BadInput(
            f"TensorFlow cannot express the model in LiteRT's operations: {' '.join(str(exc).split())[:400]}"
        ) from exc


def _open_tflite(path: Path, size_px: int | None) -> FloatModel:
    content = path.read_bytes()
    problem = formats.tflite_problem(content)
    if problem:
        raise BadInput(f"{path} {problem}")
    del size_px
    return _from_tflite(formats.with_signature(content))


def _from_tflite(content: bytes) -> FloatModel:
    shape, output = formats.tflite_shapes(content)
    return FloatModel(_fixed(shape, None), _classes(output), content)


def _open_onnx(path: Path, size_px: int | None) -> FloatModel:
    content = formats.read_onnx(path)
    shape, output = formats.onnx_shapes(content)
    fixed = _fixed(shape, size_px)
    content = formats.fix_onnx(content, fixed)
    formats.run_onnx(content, np.zeros((1, fixed[2], fixed[2], min(fixed[1], fixed[3])), np.float32))
    return FloatModel(
        fixed,
        _classes(output),
        None,
        content,
        why_no_litert=f"{path} is ONNX, and LiteRT is made from Keras, a SavedModel or a float .tflite: "
        "pip install onnx2tf && onnx2tf -i model.onnx -o saved_model, then convert saved_model",
    )


def _fixed(shape: tuple[int | None, ...], size_px: int | None) -> tuple[int, int, int, int]:
    """Return *shape* with a batch of one and, where its sides are open, *size_px*."""
    said = tuple("?" if n is None else n for n in shape)
    if len(shape) != 4:
        raise BadInput(f"the model's input is {said}; a FER classifier takes (1, N, N, 1 or 3) or (1, 1 or 3, N, N)")
    last = shape[3] in (1, 3)
    if not last and shape[1] not in (1, 3):
        raise BadInput(f"the model's input is {said}: neither its last nor its second axis is 1 or 3 planes")
    planes = shape[3] if last else shape[1]
    sides = shape[1:3] if last else shape[2:4]
    height, width = (size_px if side is None else side for side in sides)
    if height is None or width is None:
        raise BadInput(
            f"the model's input is {said}: its sides are open; say which you want with --size, e.g. --size 96"
        )
    if height != width or (size_px is not None and height != size_px):
        wanted = f"--size says {size_px}" if size_px is not None else "faces are square"
        raise BadInput(f"the model's input is {said}, {wanted}; a model takes the size that it was made for")
    if shape[0] not in (None, 1):
        raise BadInput(f"the model's input is {said}: its batch is fixed to {shape[0]}; export it with a batch of 1")
    assert planes is not None  # noqa: S101 (1 or 3, see above)
    return (1, height, width, planes) if last else (1, planes, height, width)


def _classes(shape: tuple[int | None, ...]) -> int:
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise BadInput(f"the model's output is {shape}; a classifier answers (1, classes) with two classes or more")
    return int(shape[1])
