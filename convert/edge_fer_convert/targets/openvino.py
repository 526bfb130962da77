"""The OpenVINO targets, quantized by NNCF.

On x86-64 without VNNI, pairwise sums of products with 8-bit weights saturate, which ruins depthwise convolutions most;
with 7-bit weights they cannot. Those come first, because a file should be right on every CPU.
"""

from __future__ import annotations

import re
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from edge_fer_convert import file_metadata
from edge_fer_convert.formats import axes
from edge_fer_convert.graph import CONCAT, CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer
from edge_fer_convert.quiet import quiet
from edge_fer_convert.targets import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.model_metadata import ModelMetadata

KINDS: Final = {
    "Convolution": CONVOLUTION,
    "GroupConvolution": CONVOLUTION,
    "ConvolutionBackpropData": CONVOLUTION,
    "MatMul": DENSE,
    "Softmax": SOFTMAX,
    "Sigmoid": SOFTMAX,
    "Concat": CONCAT,
}
NOT_LAYERS: Final = frozenset({"Constant", "Parameter", "Result"})
NUMBERED: Final = re.compile(r"[A-Z][A-Za-z]*_\d+")
"""A name that OpenVINO made up itself."""


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
    dynamic_in_words: ClassVar = "in float"
    tools: ClassVar = ("nncf", "openvino")

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        if model.onnx is None:
            raise ValueError("no ONNX form of the model")
        self._float = model.onnx
        self._shape = model.shape
        self._calibration = axes.to_model_order(calibration, model.shape)

    def float32(self) -> Files:
        """Return the model without quantization."""
        return self._float_files

    @cached_property
    def _float_files(self) -> Files:
        return _saved(self._read())

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return the model with weights and activations of 8 bits; *float_layers* compute in float."""
        del weight_only
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet

        if bits != 8:
            raise ValueError(f"OpenVINO has no activations of {bits} bits")
        # The names in `methods` stand in manifests and so never change: they begin with the ranges, and end with
        # "saturation" where weights have 7 bits.
        mean = method.startswith("mean")
        ranges = RangeEstimatorParametersSet.MEAN_MINMAX if mean else RangeEstimatorParametersSet.MINMAX
        seven_bits = method.endswith("saturation")
        with quiet("nncf"):
            quantized = nncf.quantize(
                self._read(),
                nncf.Dataset(list(self._calibration), _with_batch_axis),
                # MIXED: symmetric weights, asymmetric activations, which suits the outputs of ReLU.
                preset=nncf.QuantizationPreset.MIXED,
                target_device=nncf.TargetDevice.CPU,
                # All of the calibration images; by default NNCF takes 300.
                subset_size=len(self._calibration),
                fast_bias_correction=False,  # the fast one does not see the errors of the layers before
                ignored_scope=nncf.IgnoredScope(names=sorted(float_layers)) if float_layers else None,
                advanced_parameters=AdvancedQuantizationParameters(
                    activations_range_estimator_params=ranges,
                    overflow_fix=OverflowFix.ENABLE if seven_bits else OverflowFix.DISABLE,
                ),
            )
        return _saved(quantized)

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return the model with 8-bit weights; activations are in float, and so are *float_layers*."""
        import nncf

        with quiet("nncf"):
            compressed = nncf.compress_weights(
                self._read(),
                mode=nncf.CompressWeightsMode.INT8_ASYM,
                ignored_scope=nncf.IgnoredScope(names=sorted(float_layers)) if float_layers else None,
            )
        return _saved(compressed)

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return none: a layer that computes in float has 32-bit weights."""
        del float_layers
        return frozenset()

    def graph(self) -> Graph:
        """Return the layers of the float model, under their friendly names."""
        return self._graph

    def tensors(self, files: Files, values: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Yield, for each of *values*, what the layers of *files* compute: ``(1, ..., channels)``, dequantized."""
        import openvino

        core = openvino.Core()
        model = core.read_model(model=files.content, weights=files.weights)
        nodes = self._readable_nodes(model)
        # Compiling renames outputs but keeps their order, so a column is found by its number.
        order = [_name(result.input_value(0).get_node()) for result in model.get_results()]
        added = [node for node in nodes.values() if _name(node) not in order]
        model.add_outputs([node.output(0) for node in added])
        order += [_name(node) for node in added]
        # On a CPU with bfloat16 OpenVINO would otherwise compute in that.
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        columns = {layer: order.index(_name(node)) for layer, node in nodes.items()}
        for value in axes.to_model_order(values, self._shape):
            row = compiled(value[np.newaxis])
            yield {layer: axes.channels_last(row[column]) for layer, column in columns.items()}

    def stamp(self, files: Files, metadata: ModelMetadata) -> Files:
        """Return *files* with *metadata* as OpenVINO ``rt_info``."""
        import openvino

        # Reading a file names its constants anew, so they are numbered again before they are saved.
        model = openvino.Core().read_model(model=files.content, weights=files.weights)
        file_metadata.into_openvino(model, metadata)
        return _saved(_renumbered(model, frozenset({"Constant", "Convert"})))

    @cached_property
    def _graph(self) -> Graph:
        made: set[str] = set()
        layers = []
        for node in self._read().get_ordered_ops():
            kind = node.get_type_name()
            if kind in NOT_LAYERS:
                continue
            name = _name(node)
            sources = [_name(node.input_value(number).get_node()) for number in range(node.get_input_size())]
            inputs = tuple(source for source in sources if source in made)
            layers.append(Layer(name, KINDS.get(kind, OTHER), inputs, name))
            made.add(name)
        return Graph(tuple(layers))

    def _readable_nodes(self, model: Any) -> dict[str, Any]:
        """Return, for each layer that *model* has, the node that makes its dequantized values."""
        by_name = {_name(node): node for node in model.get_ordered_ops()}
        nodes = {}
        for layer in self.graph().layers:
            if layer.name in by_name:
                # The next layer reads the tensor after its fake quantization.
                nodes[layer.name] = by_name.get(f"{layer.name}/fq_output_0", by_name[layer.name])
        return nodes

    def _read(self) -> Any:
        import openvino

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "float.onnx"
            path.write_bytes(self._float)
            # Core.read_model reads ONNX too, but does not simplify it.
            return _renumbered(openvino.convert_model(path))


def _name(node: Any) -> str:
    return str(node.get_friendly_name())


def _with_batch_axis(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return value[np.newaxis]


def _renumbered(model: Any, types: frozenset[str] | None = None) -> Any:
    """Return *model* with the nodes that OpenVINO named itself numbered by their order: all, or those of *types*.

    OpenVINO's counter runs on for the life of the process, so a model that is read twice would have other names.
    """
    for number, node in enumerate(model.get_ordered_ops()):
        kind = node.get_type_name()
        if (types is None or kind in types) and NUMBERED.fullmatch(_name(node)):
            node.set_friendly_name(f"{kind}_{number}")
    return model


def _saved(model: Any) -> Files:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        # By default the weights would be written as float16.
        openvino.save_model(model, path, compress_to_fp16=False)
        return Files(path.read_bytes(), path.with_suffix(".bin").read_bytes())
