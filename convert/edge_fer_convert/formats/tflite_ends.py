"""The two ends of a float ``.tflite``: what is put before its first layer, and what is added after its last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer_convert.formats.tflite_operators import add_kind, kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST: Final = 1e-6
"""Added to scores before they are divided by their sum: where none applies, they all become equal."""


def append_softmax(content: bytes) -> bytes:
    """Return the model with a softmax after its output."""
    end = _End(content)
    options = end.schema.SoftmaxOptionsT()
    options.beta = 1.0
    end.add("SOFTMAX", [end.output], end.shape, options)
    return end.content()


def append_sigmoid(content: bytes) -> bytes:
    """Return the model with a sigmoid after its output."""
    end = _End(content)
    end.add("LOGISTIC", [end.output], end.shape)
    return end.content()


def append_shares(content: bytes) -> bytes:
    """Return the model with each score divided by the sum of all scores."""
    end = _End(content)
    rows, columns = end.shape
    above_zero = end.add("ADD", [end.output, end.constant("smallest", np.float32(SMALLEST))], end.shape)
    sum_options = end.schema.ReducerOptionsT()
    sum_options.keepDims = True
    total = end.add("SUM", [above_zero, end.constant("axis", np.array([1], np.int32))], [rows, 1], sum_options)
    end.add("DIV", [above_zero, total], [rows, columns])
    return end.content()


def append_columns(content: bytes, start: int, stop: int) -> bytes:
    """Return the model with the columns from *start* to before *stop* of its output as its output."""
    end = _End(content)
    rows, _ = end.shape
    begin = end.constant("begin", np.array([0, start], np.int32))
    size = end.constant("size", np.array([rows, stop - start], np.int32))
    end.add("SLICE", [end.output, begin, size], [rows, stop - start])
    return end.content()


def with_only_output(content: bytes, number: int) -> bytes:
    """Return the model with the output *number* as its only one; other outputs are computed no more."""
    end = _End(content)
    end.output = int(end.graph.outputs[number])
    return end.content()


def with_float_input(content: bytes) -> bytes:
    """Return a model that takes whole numbers as one that takes the same numbers as float32.

    Raises `BadInput` where the model does more with the whole numbers than to make floats of them.
    """
    end = _End(content)
    face = int(end.graph.inputs[0])
    kept = []
    renamed: dict[int, int] = {}
    for operator in end.graph.operators:
        casts = end.kind(operator) == "CAST" and list(operator.inputs) == [face]
        made = end.graph.tensors[operator.outputs[0]]
        if casts and made.type == end.schema.TensorType.FLOAT32:
            renamed[int(operator.outputs[0])] = face
            continue
        operator.inputs = [renamed.get(int(index), int(index)) for index in operator.inputs]
        kept.append(operator)
        # A part of the graph that still needs whole numbers.
        if face in operator.inputs and not renamed:
            break
    if not renamed or end.output in renamed:
        name = end.kind(kept[-1]) if kept else "its output"
        raise BadInput(
            f"the model computes with whole numbers at its input ({name}); let it take float32, and save it again"
        )
    end.graph.operators = kept
    end.graph.tensors[face].type = end.schema.TensorType.FLOAT32
    return end.content()


@dataclass
class _End:
    """A model in parts, to whose end operators are added."""

    original: bytes

    @cached_property
    def schema(self) -> Any:
        from ai_edge_litert import schema_py_generated

        return schema_py_generated

    @cached_property
    def model(self) -> Any:
        from ai_edge_litert.tools import flatbuffer_utils

        return flatbuffer_utils.read_model_from_bytearray(bytearray(self.original))

    @property
    def graph(self) -> Any:
        return self.model.subgraphs[0]

    @property
    def output(self) -> int:
        """Number of the tensor that is the output."""
        return int(self.graph.outputs[0])

    @output.setter
    def output(self, tensor: int) -> None:
        old = [int(index) for index in self.graph.outputs]
        self.graph.outputs = [tensor]
        # A signature points to its tensors by number, and would still give the old ones.
        for signature in self.model.signatureDefs or []:
            entries = [entry for entry in signature.outputs if int(entry.tensorIndex) in old]
            of_this = [entry for entry in entries if int(entry.tensorIndex) == tensor]
            signature.outputs = (of_this or entries)[:1]
            signature.outputs[0].tensorIndex = tensor

    @property
    def shape(self) -> list[int]:
        return [int(size) for size in self.graph.tensors[self.output].shape]

    def kind(self, operator: Any) -> str:
        return kind_of(self.model, operator)

    def constant(self, name: str, array: NDArray[Any] | np.generic) -> int:
        """Add a constant; return the number of its tensor."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(np.asarray(array).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        types = {"float32": self.schema.TensorType.FLOAT32, "int32": self.schema.TensorType.INT32}
        return self._tensor(name, list(np.shape(array)), types[array.dtype.name], len(self.model.buffers) - 1)

    def add(self, kind: str, inputs: list[int], shape: list[int], options: Any = None) -> int:
        """Add an operator of *kind*, the result of which is the output; return the number of its tensor."""
        made = self._tensor("scores", shape, self.schema.TensorType.FLOAT32, 0)
        operator = self.schema.OperatorT()
        operator.opcodeIndex = add_kind(self.model, kind)
        operator.inputs = inputs
        operator.outputs = [made]
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, name)
            operator.builtinOptions = options
        self.graph.operators.append(operator)
        self.output = made
        return made

    def content(self) -> bytes:
        """Return the changed model."""
        from ai_edge_litert.tools import flatbuffer_utils

        return bytes(flatbuffer_utils.convert_object_to_bytearray(self.model))

    def _tensor(self, name: str, shape: list[int], kind: int, buffer: int) -> int:
        taken = {tensor.name for tensor in self.graph.tensors}
        number = len(self.graph.tensors)
        tensor = self.schema.TensorT()
        # Layers are found by the names of the tensors that they make.
        tensor.name = name.encode() if name.encode() not in taken else f"{name}_{number}".encode()
        tensor.shape = shape
        tensor.type = kind
        tensor.buffer = buffer
        tensor.hasRank = True
        self.graph.tensors.append(tensor)
        return number
