"""Padding before maximum pooling, as litert-torch writes it: with minus infinity, which no range of int8 holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer_convert.formats.tflite_operators import add_kind, kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOWEST: Final = -1e30
"""Values below stand for minus infinity."""


def with_finite_padding(content: bytes) -> bytes:
    """Return a float ``.tflite`` that computes the same, with finite padding before its maximum pooling.

    After a ReLU, zero never exceeds the window's maximum. Elsewhere the picture is mirrored at its edge: each window of
    which a mirrored pixel is part also has the pixel itself, if no side is padded by more than half a window. Padding
    that neither fits stays.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    changed = False
    for operator in graph.operators:
        if kind_of(model, operator) == "PADV2" and _constant(model, operator.inputs[2], np.float32).max() < LOWEST:
            changed |= _made_finite(model, operator)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if changed else content


def _made_finite(model: Any, padding: Any) -> bool:
    """Change one operator, if its padding can be finite; return whether."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    readers = [operator for operator in graph.operators if padding.outputs[0] in operator.inputs]
    if {kind_of(model, reader) for reader in readers} != {"MAX_POOL_2D"}:
        return False
    if _is_positive(model, padding.inputs[0]):
        _replace(model, padding, "PAD", schema.PadOptionsT())
        return True
    pads = _constant(model, padding.inputs[1], np.int32).reshape(-1, 2)
    windows = [(reader.builtinOptions.filterHeight, reader.builtinOptions.filterWidth) for reader in readers]
    half = [min(sides) // 2 for sides in zip(*windows, strict=True)]
    if pads[1].max() > half[0] or pads[2].max() > half[1]:
        return False
    options = schema.MirrorPadOptionsT()
    options.mode = schema.MirrorPadMode.SYMMETRIC
    _replace(model, padding, "MIRROR_PAD", options)
    return True


def _is_positive(model: Any, tensor: int) -> bool:
    """Return whether a ReLU makes *tensor*, be it part of the layer before."""
    from ai_edge_litert import schema_py_generated as schema

    functions = {schema.ActivationFunctionType.RELU, schema.ActivationFunctionType.RELU6}
    for operator in model.subgraphs[0].operators:
        if tensor in operator.outputs:
            function = getattr(operator.builtinOptions, "fusedActivationFunction", None)
            return kind_of(model, operator) in {"RELU", "RELU6"} or function in functions
    return False


def _replace(model: Any, operator: Any, kind: str, options: Any) -> None:
    """Make *operator* one of *kind* that takes the same tensor and the same padding."""
    from ai_edge_litert import schema_py_generated as schema

    operator.opcodeIndex = add_kind(model, kind)
    operator.inputs = operator.inputs[:2]
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    operator.builtinOptions = options


def _constant(model: Any, tensor: int, dtype: type) -> NDArray[Any]:
    """Return the values of a constant; a tensor that is computed has none and gives zero."""
    data = model.buffers[model.subgraphs[0].tensors[tensor].buffer].data
    return np.zeros(1, dtype) if data is None or len(data) == 0 else np.frombuffer(bytes(data), dtype)
