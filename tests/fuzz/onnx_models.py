"""ONNX files that parse, with operators, shapes and loops that no converter writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import onnx
from onnx import TensorProto, helper

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

OPERATORS: Final = (
    "Conv", "Gemm", "MatMul", "Reshape", "Transpose", "Softmax", "Concat", "Split", "Gather", "Slice", "Expand", "Tile",
    "Resize", "Pad", "Identity", "If", "Loop", "Scan", "NonZero", "TopK", "QuantizeLinear", "DequantizeLinear", "LSTM",
    "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "BatchNormalization", "Einsum", "Range", "Cast",
    "NonMaxSuppression", "OneHot", "DepthToSpace", "RoiAlign", "StringNormalizer", "Unique", "CumSum", "Foo", "",
)  # fmt: skip
NUMBERS: Final = (0, 1, -1, 2, 16, 1000, 65536, 2**31 - 1, 2**31, 2**62, -(2**63))
LOCATIONS: Final = ("weights.bin", "../golden.npz", "/etc/passwd", "/dev/zero", "manifest.json", "", "a\0b", "x" * 5000)


def change(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    """Return *content* with one to three parts of its graph changed, and what was done."""
    model = onnx.load_model_from_string(content)
    done = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        act = rng.choice(tuple(ACTS))
        ACTS[act](rng, model)
        done.append(act)
    return model.SerializeToString(), ", ".join(done)


def _node(rng: random.Random, model: Any) -> Any:
    return rng.choice(model.graph.node)


def _constant(rng: random.Random, model: Any) -> Any:
    if not model.graph.initializer:
        model.graph.initializer.append(helper.make_tensor("added", TensorProto.FLOAT, [1], [0.0]))
    return rng.choice(model.graph.initializer)


def _operator(rng: random.Random, model: Any) -> None:
    _node(rng, model).op_type = rng.choice(OPERATORS)


def _domain(rng: random.Random, model: Any) -> None:
    _node(rng, model).domain = rng.choice(("com.microsoft", "ai.onnx.ml", "foo", "x" * 10_000))


def _attribute(rng: random.Random, model: Any) -> None:
    node = _node(rng, model)
    if not node.attribute:
        node.attribute.append(helper.make_attribute("axis", rng.choice(NUMBERS)))
        return
    attribute = rng.choice(node.attribute)
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
    elif rng.random() < 0.3:
        attribute.type = rng.choice(range(15))
    elif rng.random() < 0.3:
        attribute.name = rng.choice(("", "axis", "kernel_shape", "group"))
    else:
        attribute.i = rng.choice(NUMBERS)
        attribute.f = rng.choice((float("inf"), float("nan"), 0.0, 1e38))


def _wires(rng: random.Random, model: Any) -> None:
    node = _node(rng, model)
    names = [*node.input, *node.output, "", "nothing", model.graph.input[0].name, model.graph.output[0].name]
    side = rng.choice((node.input, node.output))
    if side and rng.random() < 0.8:
        side[rng.randrange(len(side))] = rng.choice(names)
    else:
        side.append(rng.choice(names))


def _circle(rng: random.Random, model: Any) -> None:
    node = _node(rng, model)
    if node.input and node.output:
        node.input[0] = node.output[0]


def _drop(rng: random.Random, model: Any) -> None:
    del model.graph.node[rng.randrange(len(model.graph.node))]
    if not model.graph.node:
        model.graph.node.append(helper.make_node("Identity", ["face"], ["out"]))


def _dims(rng: random.Random, model: Any) -> None:
    constant = _constant(rng, model)
    if constant.dims and rng.random() < 0.7:
        constant.dims[rng.randrange(len(constant.dims))] = rng.choice(NUMBERS)
    else:
        constant.dims.append(rng.choice(NUMBERS))


def _type(rng: random.Random, model: Any) -> None:
    _constant(rng, model).data_type = rng.choice((*range(24), 1000))


def _data(rng: random.Random, model: Any) -> None:
    constant = _constant(rng, model)
    raw = constant.raw_data
    constant.raw_data = rng.choice((raw[: len(raw) // 2], raw * 2, b"", b"\xff" * len(raw), rng.randbytes(len(raw))))


def _external(rng: random.Random, model: Any) -> None:
    constant = _constant(rng, model)
    constant.ClearField("raw_data")
    constant.data_location = TensorProto.EXTERNAL
    for key, value in (
        ("location", rng.choice(LOCATIONS)),
        ("offset", str(rng.choice(NUMBERS))),
        ("length", str(rng.choice(NUMBERS))),
    ):
        if key == "location" or rng.random() < 0.5:
            entry = constant.external_data.add()
            entry.key, entry.value = key, value


def _edge(rng: random.Random, model: Any) -> None:
    """Change shape or type of the model's input or output."""
    edge = rng.choice((model.graph.input[0], model.graph.output[0]))
    tensor = edge.type.tensor_type
    act = rng.choice(("dimension", "dimension", "type", "rank", "name", "again"))
    if act == "dimension" and tensor.shape.dim:
        rng.choice(tensor.shape.dim).dim_value = rng.choice(NUMBERS)
    elif act == "type":
        tensor.elem_type = rng.choice((*range(24), 1000))
    elif act == "rank":
        tensor.shape.dim.add().dim_param = "N"
    elif act == "name":
        edge.name = rng.choice(("", "nothing", "x" * 10_000))
    else:
        rng.choice((model.graph.input, model.graph.output)).append(edge)


def _versions(rng: random.Random, model: Any) -> None:
    model.ir_version = rng.choice((0, 1, 3, 99, 2**62, model.ir_version))
    if rng.random() < 0.2:
        del model.opset_import[:]
    for entry in model.opset_import:
        entry.version = rng.choice((0, 1, 7, 13, 99, 2**62, -1))


def _loop(rng: random.Random, model: Any) -> None:
    """Put a loop without end before the first node, or one that grows its result."""
    state = helper.make_tensor_value_info
    grows = rng.random() < 0.4
    body_node = (
        helper.make_node("Concat", ["s", "s"], ["t"], axis=0) if grows else helper.make_node("Identity", ["s"], ["t"])
    )
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), body_node],
        "body",
        [state("i", TensorProto.INT64, []), state("c", TensorProto.BOOL, []), state("s", TensorProto.FLOAT, None)],
        [state("d", TensorProto.BOOL, []), state("t", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.extend(
        [
            helper.make_tensor("endless", TensorProto.INT64, [], [2**62]),
            helper.make_tensor("true", TensorProto.BOOL, [], [1]),
            helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
        ]
    )
    model.graph.node.insert(0, helper.make_node("Loop", ["endless", "true", "one"], ["looped"], body=body))
    # Used, so that no optimizer takes it away.
    model.graph.node.insert(1, helper.make_node("ReduceSum", ["looped"], ["sum"], keepdims=0))
    _use(model, "sum")


def _large(rng: random.Random, model: Any) -> None:
    """Put a constant of many gigabytes before the first node."""
    size = rng.choice((2**28, 2**31, 2**36, 2**62))
    model.graph.initializer.append(helper.make_tensor("large_shape", TensorProto.INT64, [1], [size]))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["large_shape"], ["large"]))
    model.graph.node.insert(1, helper.make_node("ReduceMax", ["large"], ["most"], keepdims=0))
    _use(model, "most")


def _use(model: Any, name: str) -> None:
    source = model.graph.input[0].name
    for node in model.graph.node[2:]:
        for at, wire in enumerate(node.input):
            if wire == source:
                node.input[at] = f"{source}_and_{name}"
    model.graph.node.insert(2, helper.make_node("Add", [source, name], [f"{source}_and_{name}"]))


def _nested(rng: random.Random, model: Any) -> None:
    """Nest a graph in an attribute of itself, many times."""
    graph = helper.make_graph([], "leaf", [], [])
    for _ in range(rng.choice((5, 25))):  # protobuf reads no more than 100 levels, three a graph
        graph = helper.make_graph(
            [helper.make_node("If", ["c"], ["o"], then_branch=graph, else_branch=helper.make_graph([], "e", [], []))],
            "g",
            [],
            [],
        )
    model.graph.node.insert(0, graph.node[0])


def _function(rng: random.Random, model: Any) -> None:
    """A function that calls itself."""
    opset = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    call = helper.make_node("Again", ["x"], ["y"], domain="own")
    model.functions.append(helper.make_function("own", "Again", ["x"], ["y"], [call], opset))
    model.opset_import.append(helper.make_opsetid("own", 1))
    _node(rng, model).CopyFrom(helper.make_node("Again", [model.graph.input[0].name], ["z"], domain="own"))


ACTS: Final[dict[str, Callable[[random.Random, Any], None]]] = {
    "operator": _operator,
    "another operator": _operator,
    "domain": _domain,
    "attribute": _attribute,
    "another attribute": _attribute,
    "wires": _wires,
    "circle": _circle,
    "missing node": _drop,
    "dimensions of a constant": _dims,
    "type of a constant": _type,
    "data of a constant": _data,
    "data elsewhere": _external,
    "edge": _edge,
    "versions": _versions,
    "loop": _loop,
    "large constant": _large,
    "nested graphs": _nested,
    "function that calls itself": _function,
}
