"""Fixes what a ``.tflite`` leaves open: the batch, the sides of its input, and the shapes that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.errors import BadInput, one_line
from edge_fer_convert.formats import tflite_file
from edge_fer_convert.formats.tflite_operators import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def with_fixed_input(content: bytes, shape: Sequence[int]) -> bytes:
    """Return the model for an input of *shape* alone, with the arithmetic of open shapes computed.

    Raises `BadInput` when the model cannot take that shape.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    if len(model.subgraphs) != 1:
        return content  # a loop or a branch has shapes of its own
    graph = model.subgraphs[0]
    shapes, values = _resized(content, shape)
    for number, tensor in enumerate(graph.tensors):
        tensor.shapeSignature = None
        if number in shapes:
            tensor.shape = shapes[number]
    _fold(model, graph, values)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _resized(content: bytes, shape: Sequence[int]) -> tuple[dict[int, list[int]], dict[int, NDArray[Any]]]:
    """Return the shapes of all tensors for an input of *shape*, and the values of those that hold whole numbers."""
    interpreter = tflite_file.unallocated(content, keep_all=True)
    (face,) = interpreter.get_input_details()
    try:
        interpreter.resize_tensor_input(face["index"], list(shape))
        interpreter.allocate_tensors()
        interpreter.set_tensor(face["index"], np.zeros(shape, face["dtype"]))
        interpreter.invoke()
    except (ValueError, RuntimeError) as exc:
        raise BadInput(
            f"the model cannot take an input of {tuple(shape)}: {one_line(exc)}; pass another --size, or the model "
            "that the .tflite was made from"
        ) from exc
    shapes = {}
    values = {}
    for tensor in interpreter.get_tensor_details():
        shapes[tensor["index"]] = [int(size) for size in tensor["shape"]]
        if np.dtype(tensor["dtype"]).kind == "i":
            try:
                values[tensor["index"]] = interpreter.get_tensor(tensor["index"])
            except ValueError:  # a tensor that was fused away
                continue
    return shapes, values


def _fold(model: Any, graph: Any, values: dict[int, NDArray[Any]]) -> None:
    """Replace operators that compute with shapes alone by what they compute."""
    from ai_edge_litert import schema_py_generated as schema

    known = {number for number, tensor in enumerate(graph.tensors) if _is_stored(model, tensor)}
    kept = []
    for operator in graph.operators:
        inputs = {int(index) for index in operator.inputs if index >= 0}
        made = [int(index) for index in operator.outputs]
        of_shapes = kind_of(model, operator) == "SHAPE" or inputs <= known
        if not of_shapes or not all(number in values for number in made):
            kept.append(operator)
            continue
        for number in made:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values[number]).tobytes(), np.uint8)
            model.buffers.append(buffer)
            graph.tensors[number].buffer = len(model.buffers) - 1
            known.add(number)
    graph.operators = kept


def _is_stored(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0
