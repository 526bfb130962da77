"""The precision of a model file, read from its tensors: what a manifest says is never assumed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer_convert.formats import tflite_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_fer_convert.targets import Files

FAKE_QUANTIZE: Final = re.compile(rb'type="FakeQuantize"[^>]*>\s*<data[^>]*\blevels="(\d+)"')
CONSTANT: Final = re.compile(rb'type="Const"[^>]*>\s*<data[^>]*\belement_type="(\w+)"')

WIDENING: Final = frozenset({"DequantizeLinear", "MatMulInteger", "ConvInteger"})
"""Operators of ONNX that compute with quantized weights."""


def stored_precision(runtime: str, files: Files) -> str:
    """Return the precision of *files*, of *runtime*, as the second half of a target's name has it.

    ``int8`` or ``int16`` where any activation is quantized, ``dynamic`` where weights alone are, ``float16`` where
    they are halved, else ``float32``.
    """
    return READERS[runtime](files)


def _of_litert(files: Files) -> str:
    opened = tflite_file.unallocated(files.content)
    tensors = {tensor["index"]: tensor for tensor in opened.get_tensor_details()}
    made: set[int] = set()
    for operator in opened._get_ops_details():  # noqa: SLF001  (there is no public way to the operators)
        made.update(int(index) for index in operator["outputs"])
    activations = [np.dtype(tensor["dtype"]).name for index, tensor in tensors.items() if index in made]
    scaled = [
        np.dtype(tensor["dtype"]).name
        for index, tensor in tensors.items()
        if index not in made and len(tensor["quantization_parameters"]["scales"])
    ]
    halved = any(np.dtype(tensor["dtype"]) == np.float16 for tensor in tensors.values())
    return _precision(activations, weights_quantized="int8" in scaled, weights_halved=halved)


def _of_onnx(files: Files) -> str:
    import onnx

    graph = onnx.load_from_string(files.content).graph
    bits = {onnx.TensorProto.UINT8: "int8", onnx.TensorProto.INT8: "int8", onnx.TensorProto.UINT16: "int16"}
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    kinds = {node.op_type for node in graph.node}
    quantizers = [node for node in graph.node if node.op_type == "QuantizeLinear" and node.input[0] not in types]
    activations = [bits.get(types.get(node.input[2], 0), "int8") for node in quantizers]
    weights = bool(set(types.values()) & set(bits)) and bool(kinds & WIDENING)
    halved = onnx.TensorProto.FLOAT16 in types.values()
    return _precision(activations, weights_quantized=weights, weights_halved=halved)


def _of_openvino(files: Files) -> str:
    levels = [int(number) for number in FAKE_QUANTIZE.findall(files.content)]
    activations = ["int8" if number <= 256 else "int16" for number in levels]
    constants = set(CONSTANT.findall(files.content))
    return _precision(
        activations, weights_quantized=bool(constants & {b"i8", b"u8"}), weights_halved=b"f16" in constants
    )


def _precision(activations: Iterable[str], *, weights_quantized: bool, weights_halved: bool) -> str:
    """Return the name of the precision of a file with these types of *activations*."""
    found = set(activations)
    for name in ("int8", "int16"):
        if name in found:
            return name
    if weights_quantized:
        return "dynamic"
    return "float16" if weights_halved else "float32"


READERS: Final[dict[str, Callable[[Any], str]]] = {
    "litert": _of_litert,
    "onnx": _of_onnx,
    "openvino": _of_openvino,
}
"""Runtime → what reads the precision of its files."""
