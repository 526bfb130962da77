"""LiteRT and ONNX files as bytes: what they take and give, running them in float, ending them in a softmax."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Shape = tuple[int | None, ...]


def laid_out(values: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Return ``(n, N, N, planes)`` *values* in the order of axes of a model whose input has *shape*."""
    if shape[1] == shape[2]:
        return values
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def channels_last(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what flows in a model that has planes first as ``(n, ..., channels)``."""
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array


# LiteRT


def tflite_interpreter(content: bytes, *, keep_all: bool = False) -> Any:
    """Return an allocated interpreter; with *keep_all* every tensor can be read after it ran."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=2, experimental_preserve_all_tensors=keep_all)
    interpreter.allocate_tensors()
    return interpreter


def tflite_problem(content: bytes) -> str | None:
    """Return what makes this ``.tflite`` useless as a float model, or None."""
    try:
        interpreter = tflite_interpreter(content)
    except (ValueError, RuntimeError) as exc:
        return f"is no readable .tflite file: {exc}; export it again"
    ends = interpreter.get_input_details(), interpreter.get_output_details()
    if [len(end) for end in ends] != [1, 1]:
        return f"has {len(ends[0])} inputs and {len(ends[1])} outputs; a FER classifier has one each"
    if any(
        np.dtype(t["dtype"]) in (np.int8, np.uint8) and t["quantization"][0] for t in interpreter.get_tensor_details()
    ):
        return "is quantized already; pass the float model that it was made from"
    if np.dtype(ends[0][0]["dtype"]) != np.float32:
        return f"takes {np.dtype(ends[0][0]['dtype']).name}; a float model takes float32"
    return None


def tflite_shapes(content: bytes) -> tuple[Shape, Shape]:
    """Return the shapes of input and output; an axis that is open is None."""
    interpreter = tflite_interpreter(content)
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    open_axes = tuple(None if n < 0 else int(n) for n in source["shape_signature"])
    return open_axes, tuple(int(n) for n in sink["shape"])


def run_tflite(content: bytes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``(n, classes)`` float32 answers of a float model to ``(n, N, N, planes)`` *values*."""
    interpreter = tflite_interpreter(content)
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for value in laid_out(values, source["shape"]):
        interpreter.set_tensor(source["index"], value[np.newaxis])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(sink["index"])[0].copy())
    return np.stack(rows)


def with_signature(content: bytes) -> bytes:
    """Return the model with a signature where it has none, as files of older converters do: quantizing asks for one."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    if model.signatureDefs:
        return content
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    ends = ((b"face", model.subgraphs[0].inputs), (b"scores", model.subgraphs[0].outputs))
    signature.inputs, signature.outputs = ([_named(name, int(tensors[0]))] for name, tensors in ends)
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _named(name: bytes, tensor: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry


def append_softmax_to_tflite(content: bytes) -> bytes:
    """Return the model with a softmax behind its output."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SOFTMAX
    code.version = 1
    model.operatorCodes.append(code)
    logits = int(graph.outputs[0])
    scores = schema.TensorT()
    scores.name, scores.shape, scores.type = b"scores", list(graph.tensors[logits].shape), schema.TensorType.FLOAT32
    scores.buffer, scores.hasRank = 0, True
    graph.tensors.append(scores)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = (
        len(model.operatorCodes) - 1,
        [logits],
        [len(graph.tensors) - 1],
    )
    operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
    operator.builtinOptions = schema.SoftmaxOptionsT()
    operator.builtinOptions.beta = 1.0
    graph.operators.append(operator)
    graph.outputs = [len(graph.tensors) - 1]
    for signature in model.signatureDefs or []:
        for output in signature.outputs:
            output.tensorIndex = len(graph.tensors) - 1
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def tflite_to_onnx(content: bytes, opset: int) -> bytes:
    """Return a float ``.tflite`` as ONNX, its input named ``face``, its output ``scores``."""
    import onnx
    import tf2onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        with _quiet():
            model, _ = tf2onnx.convert.from_tflite(str(path), opset=opset)
    _rename(model, model.graph.input[0].name, "face")
    _rename(model, model.graph.output[0].name, "scores")
    _renumber(model)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep tf2onnx, which logs and warns on its way, off the user's terminal."""
    import logging
    import warnings

    noisy = [logging.getLogger(name) for name in ("tf2onnx", "tensorflow")]
    before = [log.level for log in noisy]
    for log in noisy:
        log.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    for log, level in zip(noisy, before, strict=True):
        log.setLevel(level)


# ONNX


def read_onnx(path: Path) -> bytes:
    """Return a model file with its weights inside, checked. Raises `BadInput` when it is none."""
    import onnx

    try:
        model = onnx.load(path)  # takes in weights that lie beside it
        onnx.checker.check_model(model)
        model = onnx.shape_inference.infer_shapes(model)
    except Exception as exc:  # protobuf's and onnx's errors have no base of their own
        raise BadInput(f"{path} is no valid ONNX model: {' '.join(str(exc).split())[:300]}; export it again") from exc
    return bytes(model.SerializeToString())


def onnx_shapes(content: bytes) -> tuple[Shape, Shape]:
    """Return the shapes of the input and the output. Raises `BadInput` unless there is one of each, in float32."""
    import onnx

    graph = onnx.load_from_string(content).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise BadInput(
            f"the model has {len(inputs)} inputs and {len(graph.output)} outputs; a FER classifier has one each"
        )
    if inputs[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        kind = onnx.TensorProto.DataType.Name(inputs[0].type.tensor_type.elem_type)
        raise BadInput(f"the model takes {kind}; a float model takes FLOAT: export it in float32")
    return _dims(inputs[0]), _dims(graph.output[0])


def fix_onnx(content: bytes, shape: tuple[int, int, int, int]) -> bytes:
    """Return the model with its input fixed to *shape*, named ``face``, and its output named ``scores``.

    Raises `BadInput` when it does not work with that shape.
    """
    import onnx

    model = onnx.load_from_string(content)
    constants = {tensor.name for tensor in model.graph.initializer}
    source = next(value for value in model.graph.input if value.name not in constants)
    _rename(model, source.name, "face")
    _rename(model, model.graph.output[0].name, "scores")
    for value, dims in ((source, shape), (model.graph.output[0], (1, *_dims(model.graph.output[0])[1:]))):
        del value.type.tensor_type.shape.dim[:]
        for size in dims:
            value.type.tensor_type.shape.dim.add(dim_value=size)
    del model.graph.value_info[:]
    try:
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(model, full_check=True)
    except Exception as exc:  # protobuf's and onnx's errors have no base of their own
        raise BadInput(f"the model does not work with input {shape}: {' '.join(str(exc).split())[:300]}") from exc
    return bytes(model.SerializeToString())


def run_onnx(content: bytes, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``(n, classes)`` float32 answers to ``(n, N, N, planes)`` *values*.

    Raises `BadInput` when ONNX Runtime cannot run the model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        source = session.get_inputs()[0]
        rows = [session.run(None, {source.name: v[np.newaxis]})[0][0] for v in laid_out(values, source.shape)]
    except Exception as exc:  # its errors have no base of their own
        raise BadInput(f"ONNX Runtime does not run the model: {' '.join(str(exc).split())[:300]}") from exc
    return np.stack(rows)


def append_softmax_to_onnx(content: bytes) -> bytes:
    """Return the model with a softmax behind its output."""
    import onnx

    model = onnx.load_from_string(content)
    _rename(model, "scores", "logits")
    model.graph.node.append(onnx.helper.make_node("Softmax", ["logits"], ["scores"], name="softmax", axis=-1))
    model.graph.output[0].name = "scores"
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _dims(value: Any) -> Shape:
    return tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in value.type.tensor_type.shape.dim
    )


def _rename(model: Any, old: str, new: str) -> None:
    """Rename a tensor everywhere; one that has the new name already makes room."""
    if old == new:
        return
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
    _swap(model, {old: new} | ({new: f"{new}_inner"} if new in taken else {}))


def _renumber(model: Any) -> None:
    """Renumber from one what tf2onnx has numbered: it counts on for as long as its process lives."""
    names = [name for node in model.graph.node for name in (node.name, *node.input, *node.output)]
    numbers: dict[str, str] = {}
    for name in names:
        for number in re.findall(r"__(\d+)", name):
            numbers.setdefault(number, str(len(numbers) + 1))
    swap = {name: re.sub(r"__(\d+)", lambda found: f"__{numbers[found[1]]}", name) for name in names}
    _swap(model, swap)
    for node in model.graph.node:
        node.name = swap.get(node.name, node.name)


def _swap(model: Any, swap: dict[str, str]) -> None:
    """Rename tensors everywhere."""
    for node in model.graph.node:
        node.input[:] = [swap.get(name, name) for name in node.input]
        node.output[:] = [swap.get(name, name) for name in node.output]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        value.name = swap.get(value.name, value.name)
