"""Functions of TensorFlow between the layers of a Keras 2 model, such as ``x / 255``, as layers that Keras 3 can read.

Keras 2 wrote each as a layer with the name of the function. Only functions that compute with tensors are executed: a
file must not be able to name one that reads files or runs code.
"""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSES: Final = ("TFOpLambda", "SlicingOpLambda")
"""Keras 2's classes of such layers."""
KNOWN: Final = re.compile(
    r"(math|nn)\.\w+|__operators__\.\w+|reshape|concat|cast|transpose|compat\.v1\.transpose|expand_dims|squeeze|stack|"
    r"identity|clip_by_value|image\.(resize|rgb_to_grayscale|grayscale_to_rgb|per_image_standardization)"
)
"""Functions that compute with tensors alone."""
CONSTANT: Final = "_CONSTANT_VALUE"
"""Keras 2's name of an argument that is no tensor."""


def custom_objects() -> dict[str, Any]:
    """Return the classes under which Keras 3 finds such layers."""
    import keras

    class Operator(keras.layers.Layer):  # type: ignore[misc, name-defined, unused-ignore]
        """One function of TensorFlow."""

        def __init__(self, function: str, **options: Any) -> None:
            super().__init__(**options)
            self.function = function
            self._compute = _resolved(function)

        def call(self, *args: Any, **kwargs: Any) -> Any:
            return self._compute(*args, **kwargs)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "function": self.function}

    return dict.fromkeys(CLASSES, Operator)


def call_of_keras_3(node: list[Any]) -> dict[str, Any]:
    """Return one call of a layer, as Keras 2 wrote it, in the form of Keras 3, which may have tensors anywhere."""
    parts = [node] if isinstance(node[0], str) else node
    first = [_argument(part) for part in parts]
    kwargs = dict(parts[0][3]) if len(parts[0]) > 3 else {}
    kwargs = {name: _argument(value) if _is_reference(value) else value for name, value in kwargs.items()}
    if "slice_spec" in kwargs:
        kwargs["slice_spec"] = [_slice(part) for part in kwargs["slice_spec"]]
    return {"args": first if len(parts) == 1 else [first], "kwargs": kwargs}


def needs_keras_3(node: Any) -> bool:
    """Return whether Keras 3 cannot read the call *node* in the form in which Keras 2 wrote it."""
    if not isinstance(node, list) or not node:
        return False
    if isinstance(node[0], str):
        return len(node) in (3, 4)
    return any(len(part) > 3 and any(map(_is_reference, part[3].values())) for part in node if isinstance(part, list))


def _is_reference(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int)


def _argument(reference: list[Any]) -> Any:
    if reference[0] == CONSTANT:
        return reference[2]
    history = reference[:3]
    # Keras 3 takes shape and type from the layer that makes the tensor.
    return {"class_name": "__keras_tensor__", "config": {"shape": [None], "dtype": "float32", "keras_history": history}}


def _slice(part: Any) -> Any:
    """Return one axis of a slice: its start, stop and step, ``"..."`` for all axes between, or a number."""
    if not isinstance(part, dict):
        return part
    return "..." if part.get("class_name") else [part["start"], part["stop"], part["step"]]


def _sliced(tensor: Any, slice_spec: list[Any]) -> Any:
    parts = []
    for part in slice_spec:
        if isinstance(part, list | tuple):
            parts.append(slice(*part))
        else:
            parts.append(Ellipsis if part == "..." else part)
    return tensor[tuple(parts)]


def _resolved(name: str) -> Callable[..., Any]:
    """Return TensorFlow's function *name*. Raises `BadInput` for one that is not `KNOWN`."""
    import tensorflow as tf

    if not KNOWN.fullmatch(name):
        raise BadInput(
            f"the model calls tf.{name}, which cannot be read safely from a file; load it with Keras 2 (pip install "
            "tf_keras) and export a SavedModel"
        )
    if name == "__operators__.getitem":
        return _sliced
    function: Callable[..., Any] = reduce(getattr, name.split("."), tf)
    return function
