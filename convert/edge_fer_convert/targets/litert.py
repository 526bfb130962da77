"""The LiteRT targets, quantized by LiteRT Quantizer.

By default its calibrator keeps moving averages of minima and maxima, which clips inputs that seldom reach their ends.
Here it keeps those of every image, and the ranges are chosen from them.
"""

from __future__ import annotations

import contextlib
import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer_convert import file_metadata
from edge_fer_convert.formats import axes, tflite_file
from edge_fer_convert.graph import CONCAT, CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer
from edge_fer_convert.quiet import quiet
from edge_fer_convert.targets import Files
from edge_fer_convert.threads import THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer_convert.float_model import FloatModel
    from edge_fer_convert.model_metadata import ModelMetadata

KINDS: Final = {
    "CONV_2D": CONVOLUTION,
    "DEPTHWISE_CONV_2D": CONVOLUTION,
    "TRANSPOSE_CONV": CONVOLUTION,
    "FULLY_CONNECTED": DENSE,
    "BATCH_MATMUL": DENSE,
    "SOFTMAX": SOFTMAX,
    "LOGISTIC": SOFTMAX,
    "CONCATENATION": CONCAT,
}
SMALLEST_RANGE: Final = 1e-4
"""Least range of a tensor. A tensor that is zero for every image has none, and LiteRT's kernels refuse its scale."""
LARGE: Final = 2**16
"""Number of weights from which 8 bits save much in a dense layer. They can ruin a small one such as that of the scores:
a normalisation folded into it gives its columns very different sizes."""


class LiteRT:
    """``.tflite`` files."""

    suffixes: ClassVar = (".tflite",)
    # The 75th percentile first: of the three it costs CNN_1 the least macro-F1. It costs MobileNetV2 the most, and then
    # the fallbacks try the other two.
    percentiles: ClassVar = {
        "75th percentile of the images' extremes": 75,
        "90th percentile of the images' extremes": 90,
        "minimum and maximum": 100,
    }
    methods: ClassVar = tuple(percentiles)
    has_int16: ClassVar = True
    dynamic_in_words: ClassVar = "quantized as they come"
    # TensorFlow has two distributions: tensorflow-cpu on x86-64, tensorflow on arm64.
    tools: ClassVar = ("litert-quantizer", "tensorflow-cpu", "tensorflow")

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        if model.tflite is None:
            raise ValueError(model.why_no_litert)
        self._float = model.tflite
        self._shape = model.shape
        self._calibration = calibration

    def float32(self) -> Files:
        """Return the model without quantization."""
        return Files(self._float)

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return the model with 8-bit weights and activations of *bits* bits; *float_layers* compute in float.

        *weight_only* of them keep 8-bit weights.
        """
        from litert_quantizer import quantizer, recipe

        rules = list(recipe.static_wi8_ai8() if bits == 8 else recipe.static_wi8_ai16())
        if bits == 16:
            # The device feeds uint8 pixels and reads float scores, so the two ends are not 16 bits wide.
            rules.append(_rule(".*", "INPUT", None))
            rules.append(_rule(".*", "OUTPUT", None))
        rules += self._rules_for(float_layers, weight_only)
        with quiet():
            work = quantizer.Quantizer(bytearray(self._float), rules)
            result = work.quantize(self._ranges(method), enable_progress_report=False)
        return Files(bytes(result.quantized_model))

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return the model with 8-bit weights; activations are in float, and so are *float_layers*."""
        from litert_quantizer import quantizer, recipe

        with quiet():
            rules = list(recipe.dynamic_wi8_afp32())
            rules += self._rules_for(float_layers, self.weight_only_layers(float_layers))
            work = quantizer.Quantizer(bytearray(self._float), rules)
            result = work.quantize(enable_progress_report=False)
        return Files(bytes(result.quantized_model))

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return the large dense layers of *float_layers*."""
        return float_layers & self._large_dense_layers

    def graph(self) -> Graph:
        """Return the layers of the float model, named after the tensor that each makes."""
        return self._graph

    def tensors(self, files: Files, values: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
        """Yield, for each of *values*, the tensors that *files* compute: name → ``(1, ..., channels)``, dequantized."""
        return _tensors_by_image(files.content, values, self._shape)

    def stamp(self, files: Files, metadata: ModelMetadata) -> Files:
        """Return *files* with *metadata* as TFLite metadata."""
        return Files(file_metadata.into_tflite(files.content, metadata))

    @cached_property
    def _graph(self) -> Graph:
        makers: dict[int, str] = {}
        layers = []
        for kind, operator, subgraph in self._operators():
            name = subgraph.tensors[operator.outputs[0]].name.decode()
            inputs = tuple(makers[index] for index in operator.inputs if index in makers)
            layers.append(Layer(name, kind, inputs, name))
            for index in operator.outputs:
                makers[int(index)] = name
        return Graph(tuple(layers))

    @cached_property
    def _large_dense_layers(self) -> frozenset[str]:
        names = set()
        for kind, operator, subgraph in self._operators():
            if kind != DENSE:
                continue
            # A batch product may have its weights first or second.
            sizes = [math.prod(subgraph.tensors[index].shape) for index in operator.inputs[:2]]
            if max(sizes) >= LARGE:
                names.add(subgraph.tensors[operator.outputs[0]].name.decode())
        return frozenset(names)

    def _operators(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield for each operator its kind, itself, and the subgraph that holds its tensors."""
        from ai_edge_litert.tools import flatbuffer_utils

        model = flatbuffer_utils.read_model_from_bytearray(bytearray(self._float))
        subgraph = model.subgraphs[0]
        for operator in subgraph.operators:
            name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex) or ""
            yield KINDS.get(name, OTHER), operator, subgraph

    @cached_property
    def _interface(self) -> tuple[str, str, str]:
        """Names of the signature, of the signature's input, and of the tensor behind that input."""
        interpreter = tflite_file.interpreter(self._float)
        tensor = interpreter.get_input_details()[0]["name"]
        signature, ends = next(iter(interpreter.get_signature_list().items()))
        return signature, ends["inputs"][0], tensor

    @cached_property
    def _extremes(self) -> dict[str, dict[str, NDArray[np.float32]]]:
        """Tensor name → ``min`` and ``max``, its smallest and its largest value in each calibration image."""
        from litert_quantizer import calibrator, recipe, recipe_manager

        signature, input_name, _ = self._interface
        faces = axes.to_model_order(self._calibration, self._shape)
        # The rules name the tensors that need ranges; those for 8 bits name them all.
        rules = recipe_manager.RecipeManager()
        rules.load_quantization_recipe(recipe.static_wi8_ai8())
        with quiet():
            # The mode in which LiteRT itself notes the extremes, so that no tensor is copied to Python.
            mode = calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED
            work = calibrator.Calibrator(self._float, THREADS, mode, _of_every_image)
            work.calibrate({signature: [{input_name: face[np.newaxis]} for face in faces]}, rules)
        extremes = {name: statistics for name, statistics in work.get_model_qsvs().items() if statistics}
        for name, statistics in extremes.items():
            if not (np.isfinite(statistics["min"]).all() and np.isfinite(statistics["max"]).all()):
                # Its scale would be NaN as well, and LiteRT crashes on a file with such a scale.
                raise BadInput(
                    f"{name} is NaN or infinite for a calibration image; check the model's weights and --range"
                )
        return extremes

    def _ranges(self, method: str) -> dict[str, dict[str, NDArray[np.float32]]]:
        """Return LiteRT Quantizer's statistics with the ranges that *method* chooses."""
        ranges = {}
        for name, statistics in self._extremes.items():
            percentile = 100 if name in self._unclipped else self.percentiles[method]
            low, high = _range(statistics["min"], statistics["max"], percentile)
            ranges[name] = {"min": np.array(low, np.float32), "max": np.array(high, np.float32)}
        return ranges

    @cached_property
    def _unclipped(self) -> frozenset[str]:
        """Tensors whose whole range is kept, whatever the method.

        The model's input, so that each pixel value keeps an int8 value of its own. The input of a softmax: clipping it
        does not change the label, but turns a confident score into an unsure one.
        """
        layers = self.graph().by_name
        names = {self._interface[2]}
        for layer in layers.values():
            if layer.kind == SOFTMAX:
                names.update(layers[name].output for name in layer.inputs)
        return frozenset(names)

    def _rules_for(self, float_layers: frozenset[str], weight_only: frozenset[str]) -> list[dict[str, Any]]:
        """Return the rules that keep *float_layers* in float, and the weights of *weight_only* at 8 bits."""
        from litert_quantizer import recipe

        rules = []
        for layer in self.graph().layers:
            if layer.name not in float_layers:
                continue
            # LiteRT Quantizer names an operation after its outputs, each followed by a semicolon.
            this_layer = f"^{re.escape(layer.output)};$"
            # The last rule that matches counts, so these override the quantizer's recipe.
            rules.append(_rule(this_layer, "*", None))
            if layer.name in weight_only:
                settings = recipe.weight_only_wi8_afp32()[0]["op_config"]
                rules.append(_rule(this_layer, "FULLY_CONNECTED", settings))
        return rules


def _of_every_image(
    before: dict[str, NDArray[np.float32]], of_one_image: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Return the extremes of the images *before* and of the next one, for LiteRT Quantizer's calibrator."""
    return {end: np.append(before[end], of_one_image[end]) for end in ("min", "max")}


def _range(lows: NDArray[np.float32], highs: NDArray[np.float32], percentile: float) -> tuple[float, float]:
    """Return the range of a tensor from its ends in each image: their *percentile*, at least `SMALLEST_RANGE` wide."""
    # An image for which the tensor is zero throughout would pull the percentile towards zero.
    active = (lows != 0) | (highs != 0)
    if active.any():
        lows = lows[active]
        highs = highs[active]
    low = float(np.percentile(lows, 100 - percentile))
    high = float(np.percentile(highs, percentile))
    # The quantizer widens every range to hold zero, so this is the range that the scale is made of.
    if max(high, 0) - min(low, 0) < SMALLEST_RANGE:
        high = SMALLEST_RANGE
    return low, high


def _rule(regex: str, operation: str, config: dict[str, Any] | None) -> dict[str, Any]:
    """Return a rule of LiteRT Quantizer's recipe; without *config* it says not to quantize."""
    algorithm = "no_quantize" if config is None else "min_max_uniform_quantize"
    return {"regex": regex, "operation": operation, "algorithm_key": algorithm, "op_config": config or {}}


def _tensors_by_image(
    content: bytes, values: NDArray[np.float32], shape: tuple[int, ...]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield, for each of *values*, every tensor that depends on it: name → ``(1, ..., channels)`` float32."""
    with quiet():  # LiteRT warns about keeping all tensors
        interpreter = tflite_file.interpreter(content, keep_all=True)
    (source,) = interpreter.get_input_details()
    made = {source["index"]}
    for operator in interpreter._get_ops_details():  # noqa: SLF001 (LiteRT has no public list of operators)
        made.update(int(index) for index in operator["outputs"])
    details = [detail for detail in interpreter.get_tensor_details() if detail["index"] in made]
    for value in axes.to_model_order(values, shape):
        interpreter.set_tensor(source["index"], _quantized(value[np.newaxis], source))
        interpreter.invoke()
        tensors = {}
        for detail in details:
            # A tensor that a delegate keeps in memory of its own cannot be read.
            with contextlib.suppress(ValueError):
                tensors[detail["name"]] = _dequantized(interpreter.get_tensor(detail["index"]), detail)
        yield tensors


def _quantized(values: NDArray[np.float32], detail: dict[str, Any]) -> NDArray[Any]:
    """Return *values* in the type and scale of the tensor *detail*."""
    scale, zero_point = detail["quantization"]
    if not scale:
        return values
    bounds = np.iinfo(detail["dtype"])
    rounded = np.rint(values / scale + zero_point)
    return np.asarray(np.clip(rounded, bounds.min, bounds.max), detail["dtype"])


def _dequantized(array: NDArray[Any], detail: dict[str, Any]) -> NDArray[np.float32]:
    """Return the values that the tensor *detail* stands for."""
    scale, zero_point = detail["quantization"]
    if not scale:
        return np.asarray(array, np.float32)
    return np.asarray((array.astype(np.float32) - zero_point) * scale, np.float32)
