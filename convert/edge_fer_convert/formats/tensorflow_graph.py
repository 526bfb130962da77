"""The graph of a TensorFlow function: its operations, and what it does to the pixels first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer_convert.formats.pixel_scale import shrinks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PASSING: Final = frozenset(
    {"Identity", "Cast", "Reshape", "ExpandDims", "Squeeze", "Transpose", "Tile", "BroadcastTo", "Pad", "PadV2"}
    | {"MirrorPad", "ResizeBilinear", "ResizeNearestNeighbor", "ConcatV2", "EnsureShape", "StopGradient", "AddV2"}
    | {"Add", "BiasAdd", "Sub", "StridedSlice"}
)
"""Operations after which a pixel is what it was before, but for its place, its type and an offset."""


def inlined(concrete: Any) -> Any:
    """Return the function *concrete* with its weights as constants, and with the functions that it calls inside."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(concrete)


def operations(frozen: Any) -> list[str]:
    """Return the types of the operations of a function that `inlined` has returned."""
    return [operation.type for operation in frozen.graph.get_operations()]


def takes_pixels(frozen: Any) -> bool:
    """Return whether a function of `inlined` begins by scaling its input down, as models do that take 0 to 255."""
    faces = [tensor for tensor in frozen.inputs if tensor.dtype.is_floating or tensor.dtype.is_integer]
    return bool(faces) and shrinks(_factors(faces[0]))


def _factors(tensor: Any) -> Iterator[float]:
    """Yield the numbers that *tensor* is multiplied by, one after the other, before anything else is made of it."""
    while True:
        consumers = {id(operation): operation for operation in tensor.consumers()}
        if len(consumers) != 1:
            return
        (operation,) = consumers.values()
        if operation.type in ("Mul", "RealDiv", "FusedBatchNormV3"):
            factor = _factor(operation, tensor)
            if factor is None:
                return
            yield factor
        elif operation.type not in PASSING:
            return
        tensor = operation.outputs[0]


def _factor(operation: Any, tensor: Any) -> float | None:
    if operation.type == "FusedBatchNormV3":
        scale, variance = _constant(operation.inputs[1]), _constant(operation.inputs[4])
        if scale is None or variance is None:
            return None
        return float(np.mean(np.abs(scale) / np.sqrt(variance + operation.get_attr("epsilon"))))
    other = operation.inputs[1] if operation.inputs[0] is tensor else operation.inputs[0]
    value = _constant(other)
    if value is None or not value.size:
        return None
    size = float(np.mean(np.abs(value)))
    if operation.type == "Mul":
        return size
    return 1 / size if size and operation.inputs[0] is tensor else None


def _constant(tensor: Any) -> NDArray[Any] | None:
    """Return the value of *tensor* where it does not depend on the input."""
    import tensorflow as tf

    value = tf.get_static_value(tensor)
    if value is not None:
        return np.asarray(value)
    operation = tensor.op
    inner = [_constant(source) for source in operation.inputs]
    if not inner or any(value is None for value in inner) or operation.type not in COMPUTED:
        return None
    return np.asarray(COMPUTED[operation.type](*inner))


COMPUTED: Final[dict[str, Any]] = {
    "Identity": np.asarray,
    "ReadVariableOp": np.asarray,
    "Sqrt": np.sqrt,
    "Rsqrt": lambda value: 1 / np.sqrt(value),
    "Maximum": np.maximum,
    "AddV2": np.add,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Reshape": np.reshape,
}
"""Operations that layers apply to their own weights, such as the variance of a normalisation."""
