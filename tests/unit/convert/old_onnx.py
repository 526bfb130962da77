"""Small classifiers in the ONNX of opset 7 to 12, with the operators that changed since."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnx

OPSETS: Final = range(7, 13)
IR_VERSIONS: Final = {7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7}
STYLES: Final = (
    ("norm", "max", "softmax"),
    ("norm", "clip", "average"),
    ("dropout", "pad"),
    ("nearest",),
    ("linear",),
    ("slice", "mean", "squeeze"),
    ("split", "reshape"),
    ("prelu", "lrn", "softmax"),
)


class Graph:
    """A chain of operators under construction."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.end = "x"
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._rng = np.random.default_rng(0)

    def weight(self, *shape: int) -> str:
        """Add random weights."""
        return self.constant(self._rng.normal(0, 0.5, shape).astype(np.float32))

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Add a constant, which files of those days list among the inputs."""
        name = f"w{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, more: tuple[str, ...] = (), **attributes: Any) -> None:
        """Add an operator after the last one."""
        made = f"t{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, [self.end, *inputs], [made, *more], **attributes))
        self.end = made

    def model(self) -> Any:
        """Return the whole model."""
        make = onnx.helper
        real = onnx.TensorProto.FLOAT
        inputs = [make.make_tensor_value_info("x", real, [1, 1, 32, 32])]
        if IR_VERSIONS[self.opset] < 4:
            inputs += [make.make_tensor_value_info(entry.name, entry.data_type, entry.dims) for entry in self.weights]
        outputs = [make.make_tensor_value_info(self.end, real, [1, 7])]
        graph = make.make_graph(self.nodes, "old", inputs, outputs, self.weights)
        opsets = [make.make_opsetid("", self.opset)]
        return make.make_model(graph, opset_imports=opsets, ir_version=IR_VERSIONS[self.opset])


def classifier(opset: int, style: tuple[str, ...]) -> Any:
    """Return a classifier of 32x32 grey faces that has the operators of *style*."""
    graph = Graph(opset)
    graph.add("Conv", graph.weight(8, 1, 3, 3), graph.weight(8), kernel_shape=[3, 3], pads=[0, 0, 1, 1], strides=[2, 2])
    for operator in style:
        OPERATORS.get(operator, _nothing)(graph)
    channels = 6 if "slice" in style else 8
    if "mean" in style:
        graph.add("ReduceMean", axes=[2, 3], keepdims=1)
    else:
        graph.add("GlobalAveragePool")
    if "squeeze" in style:
        graph.add("Squeeze", axes=[2, 3])
        graph.add("Unsqueeze", axes=[2])
        graph.add("Squeeze", axes=[2])
    elif "reshape" in style:
        graph.add("Reshape", graph.constant([0, -1], np.int64))
    else:
        graph.add("Flatten")
    graph.add("Gemm", graph.weight(7, channels), graph.weight(7), transB=1)
    if "softmax" in style:
        graph.add("Softmax", axis=1)
    return graph.model()


def _nothing(graph: Graph) -> None:
    del graph


def _norm(graph: Graph) -> None:
    parameters = [graph.constant(np.linspace(0.5, 1.5, 8)) for _ in range(4)]
    graph.add("BatchNormalization", *parameters, epsilon=1e-5)


def _clip(graph: Graph) -> None:
    if graph.opset < 11:
        graph.add("Clip", min=0.0, max=6.0)
    else:
        graph.add("Clip", graph.constant(0.0), graph.constant(6.0))


def _pad(graph: Graph) -> None:
    pads = [0, 0, 1, 1, 0, 0, 1, 1]
    if graph.opset < 11:
        graph.add("Pad", pads=pads, mode="constant", value=0.0)
    else:
        graph.add("Pad", graph.constant(pads, np.int64))


def _dropout(graph: Graph) -> None:
    if graph.opset < 12:
        graph.add("Dropout", more=("mask",), ratio=0.5)
    else:
        graph.add("Dropout", graph.constant(0.5))


def _resize(graph: Graph, mode: str) -> None:
    scales = [1.0, 1.0, 2.0, 2.0]
    if graph.opset < 9:
        graph.add("Upsample", scales=scales, mode=mode)
    elif graph.opset < 10:
        graph.add("Upsample", graph.constant(scales), mode=mode)
    elif graph.opset < 11:
        graph.add("Resize", graph.constant(scales), mode=mode)
    else:
        rules = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        graph.add("Resize", graph.constant([]), graph.constant(scales), mode=mode, **rules)


def _slice(graph: Graph) -> None:
    if graph.opset < 10:
        graph.add("Slice", axes=[1], starts=[0], ends=[6])
    else:
        graph.add("Slice", *[graph.constant([number], np.int64) for number in (0, 6, 1)])


def _split(graph: Graph) -> None:
    graph.nodes.append(onnx.helper.make_node("Split", [graph.end], ["a", "b"], axis=1, split=[3, 5]))
    graph.end = "b"
    graph.add("Concat", "a", axis=1)


OPERATORS: Final = {
    "average": lambda graph: graph.add("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "clip": _clip,
    "dropout": _dropout,
    "linear": lambda graph: _resize(graph, "linear"),
    "lrn": lambda graph: graph.add("LRN", size=3),
    "max": lambda graph: graph.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "nearest": lambda graph: _resize(graph, "nearest"),
    "norm": _norm,
    "pad": _pad,
    "prelu": lambda graph: graph.add("PRelu", graph.weight(8, 1, 1)),
    "slice": _slice,
    "split": _split,
}
