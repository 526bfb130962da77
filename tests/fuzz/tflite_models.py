"""TFLite files that parse, with operators, tensors and quantization that no converter writes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

INDEXES: Final = (-1, 0, 1, 2, 3, 100, 2**31 - 1, -(2**31))
SIZES: Final = (0, 1, -1, 2, 16, 255, 65536, 1_000_000, 2**31 - 1, -(2**31))
SCALES: Final = (0.0, -1.0, float("inf"), float("-inf"), float("nan"), 1e-45, 1e38, 1.0)
OPERATORS: Final = 210
"""About as many as LiteRT knows; a few beyond them are codes of the future."""


def change(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    """Return *content* with one to three parts of its graph changed, and what was done."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    done = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        act = rng.choice(tuple(ACTS))
        # A model from which an earlier change took all that this one needs stays as it is.
        with contextlib.suppress(IndexError):
            ACTS[act](rng, model)
        done.append(act)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()), ", ".join(done)


def _graph(model: Any) -> Any:
    return model.subgraphs[0]


def _tensor(rng: random.Random, model: Any) -> Any:
    return rng.choice(_graph(model).tensors)


def _operator(rng: random.Random, model: Any) -> Any:
    return rng.choice(_graph(model).operators)


def _replaced(rng: random.Random, numbers: Any, values: tuple[Any, ...]) -> list[Any]:
    changed = [] if numbers is None else list(numbers)
    if changed and rng.random() < 0.8:
        changed[rng.randrange(len(changed))] = rng.choice(values)
    elif rng.random() < 0.5:
        changed.append(rng.choice(values))
    else:
        changed = changed[:-1]
    return changed


def _code(rng: random.Random, model: Any) -> None:
    """Another operator under the options and tensors of this one."""
    code = rng.choice(model.operatorCodes)
    number = rng.choice((rng.randrange(OPERATORS), rng.randrange(OPERATORS), 32, 2**31 - 1, -1))
    code.builtinCode = number
    code.deprecatedBuiltinCode = max(-128, min(127, number))
    code.version = rng.choice((code.version, 1, 0, 1000))


def _custom(rng: random.Random, model: Any) -> None:
    code = rng.choice(model.operatorCodes)
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = rng.choice((b"FlexAdd", b"", b"TFLite_Detection_PostProcess", b"x" * 10_000))


def _opcode_index(rng: random.Random, model: Any) -> None:
    _operator(rng, model).opcodeIndex = rng.choice((0, 1, 2, 100, 2**31 - 1))


def _inputs(rng: random.Random, model: Any) -> None:
    operator = _operator(rng, model)
    operator.inputs = _replaced(rng, operator.inputs, INDEXES)


def _outputs(rng: random.Random, model: Any) -> None:
    operator = _operator(rng, model)
    operator.outputs = _replaced(rng, operator.outputs, INDEXES)


def _circle(rng: random.Random, model: Any) -> None:
    operator = _operator(rng, model)
    operator.inputs = [*operator.outputs][:1]


def _order(rng: random.Random, model: Any) -> None:
    rng.shuffle(_graph(model).operators or [])


def _options(rng: random.Random, model: Any) -> None:
    """Change a number of an operator's options, or take the options away."""
    operator = _operator(rng, model)
    fields = sorted(vars(operator.builtinOptions)) if operator.builtinOptions else []
    if not fields or rng.random() < 0.15:
        operator.builtinOptions = None
        operator.builtinOptionsType = rng.choice((0, operator.builtinOptionsType, 1, 20))
        if operator.builtinOptionsType:
            operator.builtinOptionsType = 0
        return
    field = rng.choice(fields)
    present = getattr(operator.builtinOptions, field)
    if isinstance(present, bool):
        setattr(operator.builtinOptions, field, not present)
    elif isinstance(present, int):
        small = "ctivation" in field or field in {"padding", "weightsFormat", "quantizedBiasType"}
        setattr(operator.builtinOptions, field, rng.choice((0, 1, -1, 4, 100) if small else SIZES))
    elif isinstance(present, float):
        setattr(operator.builtinOptions, field, rng.choice(SCALES))


def _shape(rng: random.Random, model: Any) -> None:
    tensor = _tensor(rng, model)
    tensor.shape = _replaced(rng, tensor.shape, SIZES)
    if rng.random() < 0.5:
        tensor.shapeSignature = tensor.shape


def _rank(rng: random.Random, model: Any) -> None:
    _tensor(rng, model).shape = rng.choice(([], [1], [1] * 9, [1] * 1000, [65536, 65536], [65536] * 4))


def _type(rng: random.Random, model: Any) -> None:
    _tensor(rng, model).type = rng.choice((*range(22), 127))


def _tensor_buffer(rng: random.Random, model: Any) -> None:
    _tensor(rng, model).buffer = rng.choice((0, 1, len(model.buffers) - 1, len(model.buffers), 2**31, 2**32 - 1))


def _flags(rng: random.Random, model: Any) -> None:
    tensor = _tensor(rng, model)
    tensor.isVariable = not tensor.isVariable
    tensor.name = rng.choice((None, b"", b"\xff\xfe", b"x" * 100_000))


def _data(rng: random.Random, model: Any) -> None:
    filled = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data)]
    buffer = rng.choice(filled)
    data = np.array(buffer.data, np.uint8)
    act = rng.choice(("cut", "grow", "none", "noise", "ff", "ints"))
    if act == "cut":
        buffer.data = data[: len(data) // 2]
    elif act == "grow":
        buffer.data = np.concatenate([data] * rng.choice((2, 1000)))
    elif act == "none":
        buffer.data = None
    elif act == "noise":
        buffer.data = np.frombuffer(rng.randbytes(len(data)), np.uint8)
    elif act == "ff":
        buffer.data = np.full(len(data), rng.choice((0xFF, 0x7F, 0x80)), np.uint8)
    else:  # shapes of Reshape and the like are 32-bit integers
        data[: len(data) // 4 * 4].view(np.int32)[:] = rng.choice((2**31 - 1, -(2**31), -1, 0, 65536))
        buffer.data = data


def _data_elsewhere(rng: random.Random, model: Any) -> None:
    """The data of a large buffer lie behind the flatbuffer, says the file."""
    buffer = rng.choice(model.buffers)
    buffer.data = None
    buffer.offset = rng.choice((1, 2, 100, 10_000, 2**32, 2**63))
    buffer.size = rng.choice((1, 100, 2**32, 2**63))


def _quantization(rng: random.Random, model: Any) -> None:
    tensors = [tensor for tensor in _graph(model).tensors if tensor.quantization is not None]
    edges = [_graph(model).tensors[index] for index in (*_graph(model).inputs, *_graph(model).outputs)]
    tensor = rng.choice(rng.choice((tensors or edges, edges)))
    if tensor.quantization is None:
        tensor.quantization = schema.QuantizationParametersT()
    quantization = tensor.quantization
    act = rng.choice(("scale", "scale", "scale", "zero", "dimension", "count", "none"))
    if act == "scale":
        quantization.scale = [rng.choice(SCALES)] * max(
            1, len(quantization.scale if quantization.scale is not None else ())
        )
        quantization.zeroPoint = (
            [0] * len(quantization.scale) if quantization.zeroPoint is None else quantization.zeroPoint
        )
    elif act == "zero":
        quantization.zeroPoint = [rng.choice((-129, 128, 2**31, -(2**63), 2**63 - 1))]
    elif act == "dimension":
        quantization.quantizedDimension = rng.choice((-1, 1, 3, 100, 2**31 - 1))
    elif act == "count":
        quantization.scale = [0.5] * rng.choice((0, 2, 3, 1000))
        quantization.zeroPoint = [0] * rng.choice((0, 1, 2, 1000))
    else:
        tensor.quantization = None


def _edges(rng: random.Random, model: Any) -> None:
    graph = _graph(model)
    name = rng.choice(("inputs", "outputs"))
    setattr(graph, name, _replaced(rng, getattr(graph, name), (*INDEXES, *range(len(graph.tensors)))))


def _constant_edge(rng: random.Random, model: Any) -> None:
    """An input or output that is a constant of the file."""
    graph = _graph(model)
    constants = []
    for number, tensor in enumerate(graph.tensors or ()):
        if 0 < tensor.buffer < len(model.buffers) and model.buffers[tensor.buffer].data is not None:
            constants.append(number)
    if constants:
        setattr(graph, rng.choice(("inputs", "outputs")), [rng.choice(constants)])


def _graphs(rng: random.Random, model: Any) -> None:
    act = rng.choice(("none", "twice", "empty", "no tensors"))
    if act == "none":
        model.subgraphs = []
    elif act == "twice":
        model.subgraphs = [_graph(model)] * rng.choice((2, 50))
    elif act == "empty":
        _graph(model).operators = []
    else:
        _graph(model).tensors = _graph(model).tensors[:1]
    if not model.subgraphs:
        model.subgraphs = [schema.SubGraphT()]


def _while(rng: random.Random, model: Any) -> None:
    """A loop whose condition and body are the graph itself, or one that never ends."""
    graph = _graph(model)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
    code.version = 1
    model.operatorCodes.append(code)
    options = schema.WhileOptionsT()
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.builtinOptionsType = schema.BuiltinOptions.WhileOptions
    operator.builtinOptions = options
    if rng.random() < 0.4:
        options.condSubgraphIndex = options.bodySubgraphIndex = 0
    else:
        options.condSubgraphIndex, options.bodySubgraphIndex = _endless(model)
    # The state of the loop: a scalar that the graph never changes.
    graph.tensors += [_scalar(), _scalar()]
    operator.inputs = [len(graph.tensors) - 2]
    operator.outputs = [len(graph.tensors) - 1]
    graph.tensors[-2].buffer = _add_buffer(model, np.zeros(4, np.uint8))
    graph.operators = [operator, *graph.operators]


def _scalar(kind: int = schema.TensorType.INT32, buffer: int = 0) -> Any:
    tensor = schema.TensorT()
    tensor.shape = [1]
    tensor.type = kind
    tensor.buffer = buffer
    tensor.name = b"state"
    return tensor


def _add_buffer(model: Any, data: Any) -> int:
    buffer = schema.BufferT()
    buffer.data = data
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _endless(model: Any) -> tuple[int, int]:
    """Add a condition that is always true, and a body that does nothing; return their numbers."""
    true = _add_buffer(model, np.ones(1, np.uint8))
    condition = schema.SubGraphT()
    condition.tensors = [_scalar(), _scalar(schema.TensorType.BOOL, true)]
    condition.inputs, condition.outputs, condition.operators = [0], [1], []
    body = schema.SubGraphT()
    body.tensors = [_scalar()]
    body.inputs, body.outputs, body.operators = [0], [0], []
    model.subgraphs += [condition, body]
    return len(model.subgraphs) - 2, len(model.subgraphs) - 1


def _version(rng: random.Random, model: Any) -> None:
    model.version = rng.choice((0, 1, 2, 4, 2**32 - 1))


ACTS: Final[dict[str, Callable[[random.Random, Any], None]]] = {
    "operator code": _code,
    "operator code of another": _code,
    "custom operator": _custom,
    "index of an operator code": _opcode_index,
    "inputs of an operator": _inputs,
    "outputs of an operator": _outputs,
    "circle": _circle,
    "order": _order,
    "options": _options,
    "shape": _shape,
    "rank": _rank,
    "type": _type,
    "buffer of a tensor": _tensor_buffer,
    "flags of a tensor": _flags,
    "data": _data,
    "data elsewhere": _data_elsewhere,
    "quantization": _quantization,
    "quantization of another": _quantization,
    "edges": _edges,
    "constant edge": _constant_edge,
    "graphs": _graphs,
    "while": _while,
    "version": _version,
}
