"""The ONNX targets, quantized by ONNX Runtime as QDQ.

Weights and activations are unsigned (U8U8). On x86-64 without VNNI, pairwise sums of products with signed weights
saturate: a file that is right on a newer CPU gets a fifth of its answers wrong on an older one.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from edge_fer_convert import file_metadata
from edge_fer_convert.formats import axes, onnx_file
from edge_fer_convert.graph import CONCAT, CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer
from edge_fer_convert.quiet import quiet
from edge_fer_convert.targets import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.model_metadata import ModelMetadata

KINDS: Final = {
    "Conv": CONVOLUTION,
    "ConvTranspose": CONVOLUTION,
    "Gemm": DENSE,
    "MatMul": DENSE,
    "Softmax": SOFTMAX,
    "Sigmoid": SOFTMAX,
    "Concat": CONCAT,
}
TOGETHER: Final = 20
"""Number of images, at most, whose tensors are in memory at once. ONNX Runtime's histograms would keep all images'."""
TOGETHER_BYTES: Final = 256 * 2**20
"""How much those tensors may take: for a large model they are fewer images."""


class Onnx:
    """``.onnx`` files."""

    suffixes: ClassVar = (".onnx",)
    methods: ClassVar = ("minimum and maximum", "99.99th percentile", "entropy")
    has_int16: ClassVar = True
    dynamic_in_words: ClassVar = "quantized as they come"
    tools: ClassVar = ("onnxruntime", "onnx", "tf2onnx")

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        if model.onnx is None:
            raise ValueError("no ONNX form of the model")
        self._float = model.onnx
        self._shape = model.shape
        self._calibration = axes.to_model_order(calibration, model.shape)

    def float32(self) -> Files:
        """Return the model without quantization."""
        return Files(self._float)

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return the model with 8-bit weights and activations of *bits* bits; *float_layers* compute in float."""
        del weight_only
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        calibrations = {
            "minimum and maximum": CalibrationMethod.MinMax,
            "99.99th percentile": CalibrationMethod.Percentile,
            "entropy": CalibrationMethod.Entropy,
        }
        with _workplace(self._prepared) as (source, made):
            # QDQ keeps the float operations between pairs of quantize and dequantize, which every execution provider
            # can fuse or leave.
            quantize_static(
                source,
                made,
                _Reader(self._calibration, self._together),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                weight_type=QuantType.QUInt8,
                activation_type=QuantType.QUInt8 if bits == 8 else QuantType.QUInt16,
                calibrate_method=calibrations[method],
                nodes_to_exclude=sorted(float_layers),  # sorted: a set has another order in each process
                extra_options={"CalibPercentile": 99.99, "CalibStridedMinMax": self._together},
            )
            return Files(made.read_bytes())

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return the model with 8-bit weights; activations are in float, and so are *float_layers*."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        with _workplace(self._prepared) as (source, made):
            quantize_dynamic(source, made, weight_type=QuantType.QUInt8, nodes_to_exclude=sorted(float_layers))
            return Files(made.read_bytes())

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return none: a layer that computes in float has 32-bit weights."""
        del float_layers
        return frozenset()

    def graph(self) -> Graph:
        """Return the layers of the float model, under the names of its nodes."""
        return self._graph

    def tensors(self, files: Files, values: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Yield, for each of *values*, the tensors that *files* compute: name → ``(1, ..., channels)``, dequantized."""
        import onnx

        model = onnx.load_from_string(files.content)
        names = self._readable_names(model)
        outputs = {value.name for value in model.graph.output}
        for name in names.values():
            if name not in outputs:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
        session = onnx_file.exact_session(model)
        for value in axes.to_model_order(values, self._shape):
            arrays = session.run(list(names.values()), {"face": value[np.newaxis]})
            yield {name: axes.channels_last(array) for name, array in zip(names, arrays, strict=True)}

    def stamp(self, files: Files, metadata: ModelMetadata) -> Files:
        """Return *files* with *metadata* as ONNX ``metadata_props``."""
        return Files(file_metadata.into_onnx(files.content, metadata))

    @cached_property
    def _graph(self) -> Graph:
        import onnx

        makers: dict[str, str] = {}
        layers = []
        for node in onnx.load_from_string(self._prepared).graph.node:
            if node.op_type == "Constant":
                continue  # holds weights, computes nothing
            # Constants and the model's own input have no maker.
            inputs = [makers[name] for name in node.input if name in makers]
            layers.append(Layer(node.name, KINDS.get(node.op_type, OTHER), tuple(inputs), node.output[0]))
            for name in node.output:
                makers[name] = node.name
        return Graph(tuple(layers))

    def _readable_names(self, model: Any) -> dict[str, str]:
        """Return, for each layer's tensor that *model* has, the name under which its dequantized values are read."""
        made: set[str] = set()
        for node in model.graph.node:
            made.update(node.output)
        names = {}
        for layer in self.graph().layers:
            # The next layer reads the tensor after it was quantized and dequantized.
            dequantized = f"{layer.output}_DequantizeLinear_Output"
            if layer.output in made:
                names[layer.output] = dequantized if dequantized in made else layer.output
        return names

    @cached_property
    def _together(self) -> int:
        """Number of images whose tensors are in memory at once while ranges are measured."""
        import onnx

        graph = onnx.load_from_string(self._prepared).graph
        of_one_image = 0
        for value in (*graph.value_info, *graph.output):
            sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
            of_one_image += math.prod(sizes) * np.dtype(np.float32).itemsize
        return min(TOGETHER, max(1, TOGETHER_BYTES // max(of_one_image, 1)))

    @cached_property
    def _prepared(self) -> bytes:
        """The model as ONNX Runtime quantizes it: shapes inferred, layers fused, a name for every node."""
        import onnx
        from onnxruntime.quantization import quant_pre_process

        with _workplace(self._float) as (source, made):
            # All shapes are fixed, so ONNX's own shape inference is enough.
            quant_pre_process(source, made, skip_symbolic_shape=True)
            model = onnx.load(made)
        for number, node in enumerate(model.graph.node):
            # Layers are kept in float by the names of their nodes.
            node.name = node.name or f"{node.op_type}_{number}"
        _flatten_biases(model)
        return bytes(model.SerializeToString())


def _flatten_biases(model: Any) -> None:
    """Make biases of shape ``(1, n)`` ``(n,)``: ONNX Runtime quantizes only those as it computes them.

    Such biases come from a MatMul and an Add, which `quant_pre_process` makes a Gemm of.
    """
    biases = {node.input[2] for node in model.graph.node if node.op_type == "Gemm" and len(node.input) > 2}
    for tensor in model.graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]


class _Reader:
    """Hands out calibration images, *together* at a time; as ONNX Runtime's CalibrationDataReader."""

    def __init__(self, values: NDArray[np.float32], together: int) -> None:
        self._values = values
        self._together = together
        self._next = iter(values)

    def __len__(self) -> int:
        """Return the number of images, rounded up, because ONNX Runtime asks for a multiple of *together*."""
        return -(-len(self._values) // self._together) * self._together

    def set_range(self, start_index: int, end_index: int) -> None:
        """Begin at *start_index* and end before *end_index*."""
        self._next = iter(self._values[start_index:end_index])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next image as the model's input, or None after the last one."""
        value = next(self._next, None)
        return None if value is None else {"face": value[np.newaxis]}


@contextlib.contextmanager
def _workplace(content: bytes) -> Iterator[tuple[Path, Path]]:
    """Give the path of a file with *content* and a path for the result, because ONNX Runtime's tools work on files."""
    with quiet("root"), tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float.onnx"
        source.write_bytes(content)
        yield source, Path(folder) / "made.onnx"
