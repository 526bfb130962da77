"""Float ``.tflite`` files as bytes: read, inspect, and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer_convert.formats.axes import Shape, to_model_order
from edge_fer_convert.formats.pixel_scale import shrinks
from edge_fer_convert.formats.tflite_operators import add_kind, kind_of
from edge_fer_convert.threads import THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PASSING: Final = frozenset(
    {"ADD", "SUB", "CAST", "RESHAPE", "TRANSPOSE", "PAD", "PADV2", "MIRROR_PAD", "CONCATENATION", "TILE"}
    | {"BROADCAST_TO", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "EXPAND_DIMS", "SQUEEZE", "STRIDED_SLICE"}
)
"""Operators after which a pixel is what it was before, but for its place, its type and an offset."""


def read(path: Path) -> bytes:
    """Return the content of a float model. Raises `BadInput` when the file is damaged, or quantized."""
    content = path.read_bytes()
    try:
        # Not allocated: with open sides of one pixel, layers may have nothing left.
        opened = unallocated(content)
    except (ValueError, RuntimeError) as exc:
        raise BadInput(f"{path} is no readable .tflite file: {exc}; export it again") from exc
    if len(opened.get_input_details()) != 1:
        raise BadInput(f"{path} has {len(opened.get_input_details())} inputs; a FER classifier has one")
    content = in_float32(content)
    refuse_quantized(content, str(path))
    return with_signature(content)


def refuse_quantized(content: bytes, name: str) -> None:
    """Raise `BadInput`, which begins with *name*, for a model that has quantized tensors, whatever its input is."""
    for tensor in unallocated(content).get_tensor_details():
        # Not "quantization": where each channel has a scale of its own, that is zero.
        scales = tensor["quantization_parameters"]["scales"]
        if len(scales) and np.dtype(tensor["dtype"]).kind in "iu":
            raise BadInput(f"{name} is already quantized; pass the float model that it was made from")


def input_of(content: bytes) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and type of the input."""
    (source,) = unallocated(content).get_input_details()
    # Only the signature marks open axes, by -1; the allocated shape has 1 there.
    return tuple(None if size < 0 else int(size) for size in source["shape_signature"]), np.dtype(source["dtype"])


def outputs_of(content: bytes) -> dict[str, Shape]:
    """Return the shapes of the outputs by their names: those of the signature, where there is one."""
    opened = interpreter(content)
    names = {}
    for ends in opened._get_full_signature_list().values():  # noqa: SLF001  (the public list has no numbers)
        names = {index: name for name, index in ends["outputs"].items()}
        break
    shapes: dict[str, Shape] = {}
    for sink in opened.get_output_details():
        name = names.get(sink["index"], sink["name"])
        shapes[name] = tuple(int(size) for size in sink["shape"])
    return shapes


def takes_pixels(content: bytes) -> bool:
    """Return whether the model begins by scaling its input down, as models do that take 0 to 255."""
    return shrinks(_factors(content))


def _factors(content: bytes) -> Iterator[float]:
    """Yield the numbers that the input is multiplied by, one after the other, before anything else is made of it."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    tensor = int(graph.inputs[0])
    for operator in graph.operators:
        if tensor not in operator.inputs:
            continue
        kind = kind_of(model, operator)
        others = {int(index) for index in operator.inputs} - {tensor}
        if kind in ("MUL", "DIV"):
            data = model.buffers[graph.tensors[others.pop()].buffer].data if others else None
            if data is None or (kind == "DIV" and operator.inputs[0] != tensor):
                return
            size = float(np.mean(np.abs(np.frombuffer(np.asarray(data, np.uint8).tobytes(), np.float32))))
            yield size if kind == "MUL" else 1 / size
        elif kind not in PASSING:
            return
        tensor = int(operator.outputs[0])


def run(content: bytes, values: NDArray[np.float32], shape: Sequence[int] | None = None) -> NDArray[np.float32]:
    """Return the ``(n, classes)`` float32 outputs for ``(n, N, N, channels)`` *values*.

    *shape* is that of the input, where the model leaves it open.
    """
    opened = unallocated(content)
    (source,) = opened.get_input_details()
    if shape is not None:
        opened.resize_tensor_input(source["index"], list(shape))
    opened.allocate_tensors()
    (source,) = opened.get_input_details()
    (sink,) = opened.get_output_details()
    rows = []
    for value in to_model_order(values, source["shape"]):
        opened.set_tensor(source["index"], value[np.newaxis].astype(source["dtype"]))
        opened.invoke()
        rows.append(opened.get_tensor(sink["index"])[0])  # get_tensor copies, so the next run leaves it alone
    return np.stack(rows)


def interpreter(content: bytes, *, keep_all: bool = False) -> Any:
    """Return an allocated interpreter; with *keep_all* every tensor can be read after a run."""
    opened = unallocated(content, keep_all=keep_all)
    opened.allocate_tensors()
    return opened


def unallocated(content: bytes, *, keep_all: bool = False) -> Any:
    """Return an interpreter whose input can still be given another shape."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content, num_threads=THREADS, experimental_preserve_all_tensors=keep_all)


def with_signature(content: bytes) -> bytes:
    """Return the model with a signature.

    Files of older converters have none, and LiteRT Quantizer needs one.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    if model.signatureDefs:
        return content
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey = b"serving_default"
    signature.subgraphIndex = 0
    signature.inputs = [_named(b"face", int(graph.inputs[0]))]
    signature.outputs = [_named(b"scores", int(graph.outputs[0]))]
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _named(name: bytes, tensor: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    entry = schema.TensorMapT()
    entry.name = name
    entry.tensorIndex = tensor
    return entry


def in_float32(content: bytes) -> bytes:
    """Return the model with its float16 weights, which it widens whenever it runs, stored as float32."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    changed = False
    for graph in model.subgraphs:
        kept = []
        halves: dict[int, Any] = {}
        for operator in graph.operators:
            if kind_of(model, operator) != "DEQUANTIZE":
                kept.append(operator)
                continue
            half = graph.tensors[operator.inputs[0]]
            if half.type != schema.TensorType.FLOAT16 or model.buffers[half.buffer].data is None:
                kept.append(operator)
                continue
            changed = True
            values = np.frombuffer(np.asarray(model.buffers[half.buffer].data, np.uint8).tobytes(), np.float16)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
            model.buffers.append(buffer)
            graph.tensors[operator.outputs[0]].buffer = len(model.buffers) - 1
            halves[int(operator.inputs[0])] = half
        graph.operators = kept
        # What nothing reads any more goes, too: its bytes, and a type that the file no longer computes with.
        read = {int(number) for operator in kept for number in operator.inputs}
        for number in halves.keys() - read:  # converters give each of them a buffer of its own
            model.buffers[halves[number].buffer] = schema.BufferT()
            halves[number].type = schema.TensorType.FLOAT32
            halves[number].buffer = 0
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if changed else content


def with_flat_dense_inputs(content: bytes) -> bytes:
    """Return the model with a reshape before each dense layer that takes more than two axes.

    LiteRT's dense layers flatten their input themselves. tf2onnx then loses the layer's bias.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    operators = []
    for operator in graph.operators:
        if _flattens(model, operator):
            operators.append(_reshape(model, operator, add_kind(model, "RESHAPE")))
        operators.append(operator)
    graph.operators = operators
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _flattens(model: Any, operator: Any) -> bool:
    """Return whether *operator* is a dense layer whose input has more than two axes, and whose output has not."""
    if kind_of(model, operator) != "FULLY_CONNECTED":
        return False
    source = model.subgraphs[0].tensors[operator.inputs[0]]
    return len(source.shape) > 2 and not operator.builtinOptions.keepNumDims


def _reshape(model: Any, dense: Any, code: int) -> Any:
    """Return an operator that flattens the input of *dense*, and let *dense* take its output."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    source = graph.tensors[dense.inputs[0]]
    features = int(graph.tensors[dense.inputs[1]].shape[1])
    flat_shape = np.array([int(np.prod(source.shape)) // features, features], np.int32)

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(flat_shape.tobytes(), np.uint8)
    model.buffers.append(buffer)
    sizes = _tensor(source.name + b"/flat_shape", [2], schema.TensorType.INT32, len(model.buffers) - 1)
    flat = _tensor(source.name + b"/flat", flat_shape.tolist(), source.type, 0)
    graph.tensors += [sizes, flat]

    operator = schema.OperatorT()
    operator.opcodeIndex = code
    operator.inputs = [int(dense.inputs[0]), len(graph.tensors) - 2]
    operator.outputs = [len(graph.tensors) - 1]
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = flat_shape.tolist()
    dense.inputs = [len(graph.tensors) - 1, *(int(number) for number in dense.inputs[1:])]
    return operator


def _tensor(name: bytes, shape: list[int], kind: int, buffer: int) -> Any:
    """Return a tensor; *buffer* 0 is the empty one, of a tensor that is computed and not stored."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = schema.TensorT()
    tensor.name = name
    tensor.shape = shape
    tensor.type = kind
    tensor.buffer = buffer
    tensor.hasRank = True
    return tensor
