"""Float ``.tflite`` files as bytes: read, inspect, run, and append a softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.errors import BadInput
from edge_fer_convert.formats.axes import Shape, to_model_order
from edge_fer_convert.threads import THREADS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read(path: Path) -> bytes:
    """Return the content of a float model. Raises `BadInput` when the file is damaged, quantized, or no classifier."""
    content = path.read_bytes()
    problem = _problem(content)
    if problem:
        raise BadInput(f"{path} {problem}")
    return with_signature(content)


def _problem(content: bytes) -> str | None:
    """Return why *content* cannot be used as a float model, or None."""
    try:
        opened = interpreter(content)
    except (ValueError, RuntimeError) as exc:
        return f"is no readable .tflite file: {exc}; export it again"
    inputs = opened.get_input_details()
    outputs = opened.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        return f"has {len(inputs)} inputs and {len(outputs)} outputs; a FER classifier has one each"
    # A quantized model may have float inputs, so all of its tensors are looked at.
    for tensor in opened.get_tensor_details():
        scale, _ = tensor["quantization"]
        if np.dtype(tensor["dtype"]) in (np.int8, np.uint8) and scale:
            return "is already quantized; pass the float model that it was made from"
    dtype = np.dtype(inputs[0]["dtype"])
    if dtype != np.float32:
        return f"takes {dtype.name}; a float model takes float32"
    return None


def shapes(content: bytes) -> tuple[Shape, Shape]:
    """Return the shapes of input and output."""
    opened = interpreter(content)
    (source,) = opened.get_input_details()
    (sink,) = opened.get_output_details()
    # Only the signature marks open axes, by -1; the allocated shape has 1 there.
    input_shape = tuple(None if size < 0 else int(size) for size in source["shape_signature"])
    output_shape = tuple(int(size) for size in sink["shape"])
    return input_shape, output_shape


def run(content: bytes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the ``(n, classes)`` float32 outputs for ``(n, N, N, channels)`` *values*."""
    opened = interpreter(content)
    (source,) = opened.get_input_details()
    (sink,) = opened.get_output_details()
    rows = []
    for value in to_model_order(values, source["shape"]):
        opened.set_tensor(source["index"], value[np.newaxis])
        opened.invoke()
        rows.append(opened.get_tensor(sink["index"])[0])  # get_tensor copies, so the next run leaves it alone
    return np.stack(rows)


def interpreter(content: bytes, *, keep_all: bool = False) -> Any:
    """Return an allocated interpreter; with *keep_all* every tensor can be read after a run."""
    from ai_edge_litert.interpreter import Interpreter

    opened = Interpreter(model_content=content, num_threads=THREADS, experimental_preserve_all_tensors=keep_all)
    opened.allocate_tensors()
    return opened


def with_signature(content: bytes) -> bytes:
    """Return the model with a signature.

    Files of older converters have none, and AI Edge Quantizer needs one.
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


def append_softmax(content: bytes) -> bytes:
    """Return the model with a softmax after its output."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    logits = int(graph.outputs[0])

    code = schema.OperatorCodeT()
    # Readers before schema version 3a look at the deprecated field only.
    code.deprecatedBuiltinCode = schema.BuiltinOperator.SOFTMAX
    code.builtinCode = schema.BuiltinOperator.SOFTMAX
    code.version = 1
    model.operatorCodes.append(code)

    scores = schema.TensorT()
    scores.name = b"scores"
    scores.shape = list(graph.tensors[logits].shape)
    scores.type = schema.TensorType.FLOAT32
    scores.buffer = 0  # buffer 0 is the empty one: the tensor is computed, not stored
    scores.hasRank = True
    graph.tensors.append(scores)
    scores_index = len(graph.tensors) - 1

    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = [logits]
    operator.outputs = [scores_index]
    operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
    operator.builtinOptions = schema.SoftmaxOptionsT()
    operator.builtinOptions.beta = 1.0
    graph.operators.append(operator)

    graph.outputs = [scores_index]
    # A signature points to its tensors by number, and would still give the logits.
    for signature in model.signatureDefs or []:
        for output in signature.outputs:
            output.tensorIndex = scores_index
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
