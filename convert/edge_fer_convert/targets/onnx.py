"""The ONNX targets, quantized by ONNX Runtime as QDQ.

Weights and activations are unsigned (U8U8): on x86-64 without VNNI, products of signed weights saturate in pairs, and
the very same file that is right on a newer CPU loses a fifth of its answers on an older one.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from edge_fer_convert import file_metadata, formats
from edge_fer_convert.graph import CONCAT, CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer
from edge_fer_convert.targets import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer_convert.file_metadata import Card
    from edge_fer_convert.float_model import FloatModel

#: Images whose tensors are in memory together: ONNX Runtime's histograms would keep those of all of them.
TOGETHER: Final = 20

KINDS: Final = {
    "Conv": CONVOLUTION,
    "ConvTranspose": CONVOLUTION,
    "Gemm": DENSE,
    "MatMul": DENSE,
    "Softmax": SOFTMAX,
    "Sigmoid": SOFTMAX,
    "Concat": CONCAT,
}


class Onnx:
    """``.onnx`` files."""

    suffixes: ClassVar = (".onnx",)
    methods: ClassVar = ("minimum and maximum", "99.99th percentile", "entropy")
    has_int16: ClassVar = True
    tools: ClassVar = ("onnxruntime", "onnx", "tf2onnx")

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        if model.onnx is None:
            raise ValueError("no ONNX form of the model")
        self._float, self._shape = model.onnx, model.shape
        self._calibration = formats.laid_out(calibration, model.shape)

    def float32(self) -> Files:
        """Return the model as it is."""
        return Files(self._float)

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return it with weights of 8 and activations of *bits* bits, and the layers *float_layers* in float."""
        del weight_only
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        ways = dict(
            zip(
                self.methods,
                (CalibrationMethod.MinMax, CalibrationMethod.Percentile, CalibrationMethod.Entropy),
                strict=True,
            )
        )
        with _workplace(self._prepared) as (source, made):
            quantize_static(
                source,
                made,
                _Reader(self._calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                weight_type=QuantType.QUInt8,
                activation_type=QuantType.QUInt8 if bits == 8 else QuantType.QUInt16,
                calibrate_method=ways[method],
                nodes_to_exclude=sorted(float_layers),
                extra_options={"CalibPercentile": 99.99, "CalibStridedMinMax": TOGETHER},
            )
            return Files(made.read_bytes())

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return it with weights of 8 bits and activations in float between its layers."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        with _workplace(self._prepared) as (source, made):
            quantize_dynamic(source, made, weight_type=QuantType.QUInt8, nodes_to_exclude=sorted(float_layers))
            return Files(made.read_bytes())

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return none: what computes in float has weights of 32 bits."""
        del float_layers
        return frozenset()

    def graph(self) -> Graph:
        """Return the layers of the float model, under the names of its nodes."""
        return self._graph

    @cached_property
    def _graph(self) -> Graph:
        import onnx

        made: dict[str, str] = {}
        layers = []
        for node in onnx.load_from_string(self._prepared).graph.node:
            inputs = tuple(made[name] for name in node.input if name in made)
            if node.op_type == "Constant":
                continue
            layers.append(Layer(node.name, KINDS.get(node.op_type, OTHER), inputs, node.output[0]))
            made.update(dict.fromkeys(node.output, node.name))
        return Graph(tuple(layers))

    def tensors(self, files: Files, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what flows in *files*: tensor name → ``(n, ..., channels)``, dequantized."""
        import onnx
        import onnxruntime

        model = onnx.load_from_string(files.content)
        made = {name for node in model.graph.node for name in node.output}
        # What the next layer sees of a tensor is what is left of it after it was quantized.
        seen = {layer.output: f"{layer.output}_DequantizeLinear_Output" for layer in self.graph().layers}
        seen = {name: left if left in made else name for name, left in seen.items() if name in made}
        there = list(seen.values())
        known = {value.name for value in model.graph.output}
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in there if name not in known)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        rows = [session.run(there, {"face": v[np.newaxis]}) for v in formats.laid_out(values, self._shape)]
        return {
            name: formats.channels_last(np.concatenate(arrays))
            for name, arrays in zip(seen, zip(*rows, strict=True), strict=True)
        }

    def stamp(self, files: Files, metadata: Card) -> Files:
        """Return *files* with the card as ONNX metadata_props."""
        return Files(file_metadata.into_onnx(files.content, metadata))

    @cached_property
    def _prepared(self) -> bytes:
        """The model after shape inference and fusing, with a name for every node: as ONNX Runtime quantizes it."""
        import onnx
        from onnxruntime.quantization import quant_pre_process

        with _workplace(self._float) as (source, made):
            quant_pre_process(source, made, skip_symbolic_shape=True)
            model = onnx.load(made)
        for number, node in enumerate(model.graph.node):
            node.name = node.name or f"{node.op_type}_{number}"
        return bytes(model.SerializeToString())


class _Reader:
    """Hands out calibration images, `TOGETHER` at a time; as ONNX Runtime's CalibrationDataReader."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._values = values
        self._next = iter(values)

    def __len__(self) -> int:
        """Return the number of images, rounded up: it has to be a multiple of `TOGETHER`."""
        return -(-len(self._values) // TOGETHER) * TOGETHER

    def set_range(self, start_index: int, end_index: int) -> None:
        """Begin at *start_index* and end before *end_index*."""
        self._next = iter(self._values[start_index:end_index])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next image as the model's input, or None behind the last one."""
        value = next(self._next, None)
        return None if value is None else {"face": value[np.newaxis]}


@contextlib.contextmanager
def _workplace(content: bytes) -> Iterator[tuple[Path, Path]]:
    """Yield a file of *content* and the path for what is made of it; ONNX Runtime's remarks stay off the terminal."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            source = Path(folder) / "float.onnx"
            source.write_bytes(content)
            yield source, Path(folder) / "made.onnx"
    finally:
        root.setLevel(level)
