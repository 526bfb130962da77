"""Float ONNX files as bytes: read, make from a ``.tflite``, inspect, run, and append a softmax."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.errors import BadInput, one_line
from edge_fer_convert.formats import tflite_file
from edge_fer_convert.formats.axes import Shape, channels_last, to_model_order
from edge_fer_convert.garbage import collected_often
from edge_fer_convert.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OPSET: Final = 18
OLDEST_OPSET: Final = 13
"""The first set of operators in which weights can be quantized per channel."""
QUANTIZERS: Final = frozenset(
    {
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
        "MatMulInteger", "MatMulNBits", "QGemm", "QAttention", "DynamicQuantizeMatMul", "FakeQuant",
    }
)  # fmt: skip
"""Operators that only quantized models have."""
NEWER_IR: Final = 4
"""The first version of the file format in which weights need not be listed among the inputs."""
RESIZE_RULES: Final = 11
"""The first set of operators in which a model says by which rule pixels are taken when a picture is resized."""
CLASS_NAMES: Final = ("labels", "names", "class_names", "classes", "id2label")
"""Keys under which programs keep the names of classes; ``names`` is YOLO's, ``id2label`` Hugging Face's. Of a
model's own metadata, the other keys are left out."""
ERRORS_ONLY: Final = 3
"""ONNX Runtime's log level for errors."""


def read(path: Path) -> bytes:
    """Return a checked model file with its weights inside, in `OLDEST_OPSET` or later.

    Raises `BadInput` when it cannot be read.
    """
    import onnx

    try:
        model = onnx.load(path)  # also loads weights stored in files beside it
        onnx.checker.check_model(model)
        _refuse_quantized(model, path)
        _strip_traces(model)
        model = _modern(model)
        model = onnx.shape_inference.infer_shapes(model)
    except BadInput:
        raise
    except Exception as exc:  # protobuf's and onnx's errors share no base class
        raise BadInput(f"{path} is no valid ONNX model: {one_line(exc)}; export it again") from exc
    return bytes(model.SerializeToString())


def _refuse_quantized(model: Any, path: Path) -> None:
    """Raise `BadInput` for a model that was quantized before, or that computes in 16 bits: it is not the float one."""
    import onnx

    quantizers = {node.op_type for node in model.graph.node} & QUANTIZERS
    if quantizers:
        raise BadInput(
            f"{path} is already quantized ({', '.join(sorted(quantizers))}); pass the float model that it was made from"
        )
    halves = {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
    weights = {weight.data_type for weight in model.graph.initializer}
    if weights & halves:
        raise BadInput(f"{path} has weights of 16 bits; export the model in float32")


def _strip_traces(model: Any) -> None:
    """Remove what exporters note about the machine and the program that a model comes from.

    PyTorch's exporter writes a stack trace with the paths of the source files beside every node.
    """
    for part in (model.graph, *model.functions):
        _strip_part(part)
    model.ClearField("doc_string")
    names = [entry for entry in model.metadata_props if entry.key in CLASS_NAMES]
    del model.metadata_props[:]
    model.metadata_props.extend(names)


def _strip_part(part: Any) -> None:
    """Remove notes from a graph or function, its nodes and values, and the graphs within."""
    values: list[Any] = []
    for field in ("input", "output", "value_info", "initializer", "sparse_initializer"):
        # A function lists the names of its inputs only.
        values += [value for value in getattr(part, field, ()) if not isinstance(value, str)]
    for noted in (part, *values, *part.node):
        for field in ("doc_string", "metadata_props"):
            if field in noted.DESCRIPTOR.fields_by_name:
                noted.ClearField(field)
    for node in part.node:
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _strip_part(inner)


def _modern(model: Any) -> Any:
    """Return *model* in an opset in which it can be quantized: `OPSET` where its own is older than `OLDEST_OPSET`."""
    if _opset(model) >= OLDEST_OPSET:
        return model
    # Old exporters list weights among the inputs as well; the converter and the shape inference take them for unknown.
    weights = {weight.name for weight in model.graph.initializer}
    for entry in [entry for entry in model.graph.input if entry.name in weights]:
        model.graph.input.remove(entry)
    model.ir_version = max(model.ir_version, NEWER_IR)  # before it, weights had to be inputs
    return _raised(model)


def _raised(model: Any) -> Any:
    """Return *model* in `OPSET`, or as it is where its own is newer."""
    from onnx import version_converter

    opset = _opset(model)
    if opset >= OPSET:
        return model
    raised = version_converter.convert_version(model, OPSET)
    if opset < RESIZE_RULES:
        for node in raised.graph.node:
            if node.op_type == "Resize":
                _keep_old_rule(node)
    return raised


def _keep_old_rule(node: Any) -> None:
    """Let a ``Resize`` take the pixels that it took before `RESIZE_RULES`; the converter leaves it to a new default."""
    import onnx

    rules = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    kept = [attribute for attribute in node.attribute if attribute.name not in rules]
    del node.attribute[:]
    node.attribute.extend([*kept, *[onnx.helper.make_attribute(name, rule) for name, rule in rules.items()]])


def _opset(model: Any) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), OPSET)


def from_tflite(content: bytes) -> bytes:
    """Return a float ``.tflite`` as ONNX, with its input named ``face`` and its output ``scores``."""
    import onnx
    import tf2onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(tflite_file.with_flat_dense_inputs(content))
        # Each of its optimizers copies the model, and leaves the copy to the collector.
        with quiet("tf2onnx", "tensorflow"), collected_often():
            model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    # The names that every other form of the model has.
    _rename(model, model.graph.input[0].name, "face")
    _rename(model, model.graph.output[0].name, "scores")
    _renumber(model)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def shapes(content: bytes) -> tuple[Shape, Shape]:
    """Return the shapes of input and output. Raises `BadInput` unless there is one of each, in float32."""
    import onnx

    graph = onnx.load_from_string(content).graph
    inputs = _inputs(graph)
    if len(inputs) != 1 or len(graph.output) != 1:
        raise BadInput(
            f"the model has {len(inputs)} inputs and {len(graph.output)} outputs; a FER classifier has one each"
        )
    element = inputs[0].type.tensor_type.elem_type
    if element != onnx.TensorProto.FLOAT:
        name = onnx.TensorProto.DataType.Name(element)
        raise BadInput(f"the model takes {name}; a float model takes FLOAT: export it in float32")
    return _shape(inputs[0]), _shape(graph.output[0])


def with_fixed_input(content: bytes, shape: tuple[int, int, int, int]) -> bytes:
    """Return the model with its input fixed to *shape* and named ``face``, and its output named ``scores``.

    Raises `BadInput` when the model does not work with that shape.
    """
    import onnx

    model = onnx.load_from_string(content)
    source = _inputs(model.graph)[0]
    sink = model.graph.output[0]
    _rename(model, source.name, "face")
    _rename(model, sink.name, "scores")
    classes = _shape(sink)[1:]
    _set_shape(source, shape)
    _set_shape(sink, (1, *classes))
    del model.graph.value_info[:]  # the inner shapes were inferred from the open input
    try:
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(model, full_check=True)
    except Exception as exc:  # protobuf's and onnx's errors share no base class
        raise BadInput(f"the model does not work with input {shape}: {one_line(exc)}") from exc
    return bytes(model.SerializeToString())


def as_saved(path: Path) -> bytes:
    """Return a model file that `read` has checked, with its weights inside and otherwise as it is."""
    import onnx

    return bytes(onnx.load(path).SerializeToString())


def run(content: bytes, values: NDArray[np.float32], shape: Sequence[int] | None = None) -> NDArray[np.float32]:
    """Return the ``(n, classes)`` float32 outputs for ``(n, N, N, channels)`` *values*.

    *shape* is that of the input, where the file leaves sides of it open. Raises `BadInput` when ONNX Runtime cannot run
    the model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    rows = []
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        source = session.get_inputs()[0]
        # One at a time: the batch of the model is fixed to one.
        for value in to_model_order(values, shape or source.shape):
            (scores,) = session.run(None, {source.name: value[np.newaxis]})
            rows.append(scores[0])
    except Exception as exc:  # ONNX Runtime's errors share no base class
        raise BadInput(f"ONNX Runtime cannot run the model: {one_line(exc)}") from exc
    return np.stack(rows)


def simplified(content: bytes) -> bytes:
    """Return a model of fixed shapes in `OPSET` or later with its constants folded, and those that its shapes make so.

    Raises `BadInput` where ONNX's converter or ONNX Runtime cannot do that.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = ERRORS_ONLY
    try:
        model = _raised(onnx.load_from_string(content))
        with tempfile.TemporaryDirectory() as folder:
            options.optimized_model_filepath = str(Path(folder) / "simple.onnx")
            onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
            return Path(options.optimized_model_filepath).read_bytes()
    except Exception as exc:  # neither has a base class of its errors
        raise BadInput(f"ONNX Runtime cannot simplify the model: {one_line(exc)}") from exc


def exact_session(model: Any) -> Any:
    """Return a session that computes the graph of *model*, a ModelProto, as it is written, without fusing layers."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = ERRORS_ONLY
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def tensors(
    content: bytes, values: NDArray[np.float32], shape: tuple[int, int, int, int]
) -> dict[str, NDArray[np.float32]]:
    """Return what the nodes compute for *values*: output → ``(n, ..., channels)``, in the order of the nodes."""
    import onnx

    model = onnx.load_from_string(content)
    face = _inputs(model.graph)[0].name
    made = [name for node in model.graph.node for name in node.output if name]
    already = {value.name for value in model.graph.output}
    model.graph.output.extend([onnx.ValueInfoProto(name=name) for name in made if name not in already])
    session = exact_session(model)
    rows = [session.run(made, {face: value[np.newaxis]}) for value in to_model_order(values, shape)]
    by_name = {}
    for name, arrays in zip(made, zip(*rows, strict=True), strict=True):
        # Shapes that a graph computes are tensors, too, but have no row for a face.
        if all(array.dtype == np.float32 and array.shape[:1] == (1,) for array in arrays):
            by_name[name] = channels_last(np.concatenate(arrays))
    return by_name


def append_softmax(content: bytes) -> bytes:
    """Return the model with a softmax after its output."""
    import onnx

    model = onnx.load_from_string(content)
    _rename(model, "scores", "logits")
    model.graph.node.append(onnx.helper.make_node("Softmax", ["logits"], ["scores"], name="softmax", axis=-1))
    model.graph.output[0].name = "scores"
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _inputs(graph: Any) -> list[Any]:
    """Return the inputs proper: before IR version 4, a graph lists its constants as inputs too."""
    constants = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in constants]


def _shape(value: Any) -> Shape:
    sizes: list[int | None] = []
    for dim in value.type.tensor_type.shape.dim:
        fixed = dim.HasField("dim_value") and dim.dim_value > 0
        sizes.append(dim.dim_value if fixed else None)
    return tuple(sizes)


def _set_shape(value: Any, shape: Shape) -> None:
    dims = value.type.tensor_type.shape.dim
    del dims[:]
    for size in shape:
        dims.add(dim_value=size)


def _rename(model: Any, old: str, new: str) -> None:
    """Rename the tensor *old* everywhere; a tensor that already is called *new* becomes ``new_inner``."""
    if old == new:
        return
    new_names = {old: new}
    for node in model.graph.node:
        if new in node.input or new in node.output:
            new_names[new] = f"{new}_inner"
    _rename_tensors(model, new_names)


def _renumber(model: Any) -> None:
    """Renumber from one what tf2onnx has numbered.

    Its counter runs on for the life of the process, so the second conversion of a model would have other names.
    """
    names = []
    for node in model.graph.node:
        names += [node.name, *node.input, *node.output]
    numbers: dict[str, str] = {}
    for name in names:
        for number in re.findall(r"__(\d+)", name):
            numbers.setdefault(number, str(len(numbers) + 1))

    def renumbered(match: re.Match[str]) -> str:
        return f"__{numbers[match[1]]}"

    new_names = {name: re.sub(r"__(\d+)", renumbered, name) for name in names}
    _rename_tensors(model, new_names)
    for node in model.graph.node:
        node.name = new_names[node.name]


def _rename_tensors(model: Any, new_names: dict[str, str]) -> None:
    graph = model.graph
    for node in graph.node:
        node.input[:] = [new_names.get(name, name) for name in node.input]
        node.output[:] = [new_names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = new_names.get(value.name, value.name)
