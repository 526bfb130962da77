"""What is added after the last layer of an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer_convert.formats.tflite_ends import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

INNER: Final = "inner_scores"
"""Name that the output gets when something is computed of it."""


def append_sigmoid(content: bytes) -> bytes:
    """Return the model with a sigmoid after its output."""
    import onnx

    return _appended(content, lambda scores: [onnx.helper.make_node("Sigmoid", [INNER], [scores], name="sigmoid")])


def append_shares(content: bytes) -> bytes:
    """Return the model with each score divided by the sum of all scores."""
    import onnx

    make = onnx.helper.make_node
    constants: dict[str, NDArray[Any]] = {
        "smallest": np.array([SMALLEST], np.float32),
        "sum_axis": np.array([1], np.int64),
    }
    return _appended(
        content,
        lambda scores: [
            make("Add", [INNER, "smallest"], ["above_zero"], name="above_zero"),
            make("ReduceSum", ["above_zero", "sum_axis"], ["total"], name="total", keepdims=1),
            make("Div", ["above_zero", "total"], [scores], name="shares"),
        ],
        constants,
    )


def append_columns(content: bytes, start: int, stop: int) -> bytes:
    """Return the model with the columns from *start* to before *stop* of its output as its output."""
    import onnx

    constants = {
        "first_column": np.array([start], np.int64),
        "last_column": np.array([stop], np.int64),
        "column_axis": np.array([1], np.int64),
    }
    inputs = [INNER, *constants]
    return _appended(
        content,
        lambda scores: [onnx.helper.make_node("Slice", inputs, [scores], name="columns")],
        constants,
        stop - start,
    )


def _appended(
    content: bytes, nodes: Any, constants: dict[str, NDArray[Any]] | None = None, columns: int | None = None
) -> bytes:
    """Return the model followed by *nodes*, given the name of the output; that then has *columns*, or as many."""
    import onnx

    model = onnx.load_from_string(content)
    (output,) = model.graph.output
    taken = _names(model.graph.node)
    suffix = ""
    while f"{INNER}{suffix}" in taken:
        suffix += "_"
    for node in model.graph.node:
        node.input[:] = [f"{INNER}{suffix}" if name == output.name else name for name in node.input]
        node.output[:] = [f"{INNER}{suffix}" if name == output.name else name for name in node.output]
    added = nodes(output.name)
    # The same layer may be added twice.
    for node in added:
        node.name += suffix
        node.input[:] = [name if name == output.name else f"{name}{suffix}" for name in node.input]
        node.output[:] = [name if name == output.name else f"{name}{suffix}" for name in node.output]
    model.graph.node.extend(added)
    for name, array in (constants or {}).items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, f"{name}{suffix}"))
    if columns is not None:
        output.type.tensor_type.shape.dim[1].dim_value = columns
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _names(nodes: Sequence[Any]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        names.update(node.input, node.output)
    return names
