"""The OpenVINO targets, quantized by NNCF.

On x86-64 without VNNI, products of 8-bit weights saturate in pairs, which ruins depthwise convolutions most; those of
7-bit weights cannot. They come first, for a file is to be right on every CPU.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from edge_fer_convert import file_metadata, formats
from edge_fer_convert.graph import CONCAT, CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer
from edge_fer_convert.targets import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer_convert.file_metadata import Card
    from edge_fer_convert.float_model import FloatModel

KINDS: Final = {
    "Convolution": CONVOLUTION,
    "GroupConvolution": CONVOLUTION,
    "ConvolutionBackpropData": CONVOLUTION,
    "MatMul": DENSE,
    "Softmax": SOFTMAX,
    "Sigmoid": SOFTMAX,
    "Concat": CONCAT,
}
NUMBERED: Final = re.compile(r"[A-Z][A-Za-z]*_\d+")


class OpenVINO:
    """``.xml`` files with their ``.bin``."""

    suffixes: ClassVar = (".xml", ".bin")
    methods: ClassVar = (
        "minimum and maximum, weights of 7 bits against saturation",
        "mean of each image's minimum and maximum",
        "minimum and maximum",
        "mean of each image's minimum and maximum, weights of 7 bits against saturation",
    )
    has_int16: ClassVar = False
    tools: ClassVar = ("nncf", "openvino")

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        if model.onnx is None:
            raise ValueError("no ONNX form of the model")
        self._float, self._shape = model.onnx, model.shape
        self._calibration = formats.laid_out(calibration, model.shape)

    def float32(self) -> Files:
        """Return the model as it is."""
        return self._whole

    @cached_property
    def _whole(self) -> Files:
        return _saved(self._read())

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return it with weights and activations of 8 bits, and the layers *float_layers* in float."""
        del weight_only
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        if bits != 8:
            raise ValueError(f"OpenVINO has no activations of {bits} bits")
        ways = RangeEstimatorParametersSet
        ranges = ways.MEAN_MINMAX if method.startswith("mean") else ways.MINMAX
        fix = OverflowFix.ENABLE if method.endswith("saturation") else OverflowFix.DISABLE
        with _quiet():
            quantized = nncf.quantize(
                self._read(),
                nncf.Dataset(list(self._calibration), lambda sample: sample[np.newaxis]),
                preset=nncf.QuantizationPreset.MIXED,
                target_device=nncf.TargetDevice.CPU,
                subset_size=len(self._calibration),
                fast_bias_correction=False,  # the fast one does not see the errors of the layers before
                ignored_scope=nncf.IgnoredScope(names=sorted(float_layers)) if float_layers else None,
                advanced_parameters=AdvancedQuantizationParameters(
                    activations_range_estimator_params=ranges,
                    overflow_fix=fix,
                ),
            )
        return _saved(quantized)

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return it with weights of 8 bits and activations in float between its layers."""
        import nncf

        with _quiet():
            compressed = nncf.compress_weights(
                self._read(),
                mode=nncf.CompressWeightsMode.INT8_ASYM,
                ignored_scope=nncf.IgnoredScope(names=sorted(float_layers)) if float_layers else None,
            )
        return _saved(compressed)

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return none: what computes in float has weights of 32 bits."""
        del float_layers
        return frozenset()

    def graph(self) -> Graph:
        """Return the layers of the float model, under their friendly names."""
        return self._graph

    @cached_property
    def _graph(self) -> Graph:
        made: set[str] = set()
        layers = []
        for node in self._read().get_ordered_ops():
            if node.get_type_name() not in {"Constant", "Parameter", "Result"}:
                sources = (node.input_value(n).get_node().get_friendly_name() for n in range(node.get_input_size()))
                name = node.get_friendly_name()
                layers.append(
                    Layer(name, KINDS.get(node.get_type_name(), OTHER), tuple(s for s in sources if s in made), name)
                )
                made.add(name)
        return Graph(tuple(layers))

    def tensors(self, files: Files, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what flows in *files*: layer name → ``(n, ..., channels)``, dequantized."""
        import openvino

        core = openvino.Core()
        model = core.read_model(model=files.content, weights=files.weights)
        nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
        # What the next layer sees of a tensor is what is left of it after it was quantized.
        seen = {layer.name: f"{layer.name}/fq_output_0" for layer in self.graph().layers if layer.name in nodes}
        there = {name: nodes[left] if left in nodes else nodes[name] for name, left in seen.items()}
        outputs = [result.input_value(0).get_node().get_friendly_name() for result in model.get_results()]
        more = [node for node in there.values() if node.get_friendly_name() not in outputs]
        model.add_outputs([node.output(0) for node in more])
        order = [*outputs, *(node.get_friendly_name() for node in more)]  # compiling renames, but keeps the order
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        rows = [compiled(v[np.newaxis]) for v in formats.laid_out(values, self._shape)]
        columns = {name: np.concatenate([row[number] for row in rows]) for number, name in enumerate(order)}
        return {name: formats.channels_last(columns[node.get_friendly_name()]) for name, node in there.items()}

    def stamp(self, files: Files, metadata: Card) -> Files:
        """Return *files* with the card as OpenVINO rt_info."""
        import openvino

        model = openvino.Core().read_model(model=files.content, weights=files.weights)
        file_metadata.into_openvino(model, metadata)
        return _saved(_renumbered(model, frozenset({"Constant", "Convert"})))

    def _read(self) -> Any:
        import openvino

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "float.onnx"
            path.write_bytes(self._float)
            return _renumbered(openvino.convert_model(path))  # simplifies, which reading alone does not


def _renumbered(model: Any, types: frozenset[str] | None = None) -> Any:
    """Return *model* with nodes that OpenVINO named itself, all or those of *types*, numbered by their order.

    OpenVINO counts them for as long as its process lives: the same model would have other names when it is read again.
    """
    for number, node in enumerate(model.get_ordered_ops()):
        kind = node.get_type_name()
        if (types is None or kind in types) and NUMBERED.fullmatch(node.get_friendly_name()):
            node.set_friendly_name(f"{kind}_{number}")
    return model


def _saved(model: Any) -> Files:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return Files(path.read_bytes(), path.with_suffix(".bin").read_bytes())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NNCF's progress bars and remarks off the user's terminal."""
    log = logging.getLogger("nncf")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        log.setLevel(level)
