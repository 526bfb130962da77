"""The LiteRT targets, quantized by AI Edge Quantizer.

Its own calibration averages minima and maxima as it goes, which clips inputs that reach their ends seldom. So it is
given ranges that are gathered here, in one pass, and used for every way of choosing them.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from edge_fer.errors import BadInput
from edge_fer_convert import file_metadata, formats
from edge_fer_convert.graph import CONCAT, CONVOLUTION, DENSE, OTHER, SOFTMAX, Graph, Layer
from edge_fer_convert.targets import Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer_convert.file_metadata import Card
    from edge_fer_convert.float_model import FloatModel

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


SMALLEST: Final = 1e-4
"""Range that a tensor is given at least. One that never speaks has none, and LiteRT's kernels refuse such a scale."""
LARGE: Final = 2**16
"""Weights of a dense layer from which on 8 bits save much. Scores of few classes can be ruined by them: a normalisation
folded into their dense layer gives its columns very different sizes."""


class LiteRT:
    """``.tflite`` files."""

    suffixes: ClassVar = (".tflite",)
    percentiles: ClassVar = {
        "75th percentile of the images' extremes": 75,
        "90th percentile of the images' extremes": 90,
        "minimum and maximum": 100,
    }
    methods: ClassVar = tuple(percentiles)
    has_int16: ClassVar = True
    tools: ClassVar = ("ai-edge-quantizer", "tensorflow-cpu")

    def __init__(self, model: FloatModel, calibration: NDArray[np.float32]) -> None:
        if model.tflite is None:
            raise ValueError(model.why_no_litert)
        self._float, self._shape, self._calibration = model.tflite, model.shape, calibration

    def float32(self) -> Files:
        """Return the model as it is."""
        return Files(self._float)

    def static(
        self, method: str, float_layers: frozenset[str], bits: int = 8, *, weight_only: frozenset[str] = frozenset()
    ) -> Files:
        """Return it with weights of 8 and activations of *bits* bits, and the layers *float_layers* in float.

        Those of *weight_only* have weights of 8 bits all the same.
        """
        from ai_edge_quantizer import quantizer, recipe

        rules = list(recipe.static_wi8_ai8() if bits == 8 else recipe.static_wi8_ai16())
        if bits == 16:  # the face still comes as pixels, not as 16 bits
            rules += [_rule(".*", end, None) for end in ("INPUT", "OUTPUT")]
        with _quiet():
            work = quantizer.Quantizer(bytearray(self._float), rules + self._exceptions(float_layers, weight_only))
            signature, face, _ = self._interface
            first = work.calibrate({signature: [{face: self._laid_out[:1]}]}, num_threads=2)
            result = work.quantize(self._with_ranges(first, method), enable_progress_report=False)
        return Files(bytes(result.quantized_model))

    def dynamic(self, float_layers: frozenset[str]) -> Files:
        """Return it with weights of 8 bits and activations in float between its layers."""
        from ai_edge_quantizer import quantizer, recipe

        with _quiet():
            rules = list(recipe.dynamic_wi8_afp32()) + self._exceptions(
                float_layers, self.weight_only_layers(float_layers)
            )
            work = quantizer.Quantizer(bytearray(self._float), rules)
            return Files(bytes(work.quantize(enable_progress_report=False).quantized_model))

    def weight_only_layers(self, float_layers: frozenset[str]) -> frozenset[str]:
        """Return the large dense layers of *float_layers*."""
        return float_layers & self._large

    def graph(self) -> Graph:
        """Return the layers of the float model, named after the tensor that each makes."""
        return self._graph

    @cached_property
    def _large(self) -> frozenset[str]:
        """Dense layers with many weights."""
        return frozenset(
            part.tensors[operator.outputs[0]].name.decode()
            for kind, operator, part in self._operators()
            if kind == DENSE and max(math.prod(part.tensors[index].shape) for index in operator.inputs[:2]) >= LARGE
        )

    def _operators(self) -> Iterator[tuple[str, Any, Any]]:
        """Yield the kind of each operator, the operator, and the subgraph that its tensors are of."""
        from ai_edge_litert.tools import flatbuffer_utils

        model = flatbuffer_utils.read_model_from_bytearray(bytearray(self._float))
        part = model.subgraphs[0]
        for operator in part.operators:
            yield KINDS.get(flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex) or "", OTHER), operator, part

    @cached_property
    def _graph(self) -> Graph:
        made: dict[int, str] = {}
        layers = []
        for kind, operator, part in self._operators():
            name = part.tensors[operator.outputs[0]].name.decode()
            inputs = tuple(made[index] for index in operator.inputs if index in made)
            layers.append(Layer(name, kind, inputs, name))
            made.update({int(index): name for index in operator.outputs})
        return Graph(tuple(layers))

    def tensors(self, files: Files, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what flows in *files*: tensor name → ``(n, ..., channels)``, dequantized."""
        seen: dict[str, list[NDArray[np.float32]]] = {}
        for flowing in _flowing(files.content, values, self._shape):
            for name, array in flowing.items():
                seen.setdefault(name, []).append(array.copy())
        return {name: np.concatenate(arrays) for name, arrays in seen.items()}

    def stamp(self, files: Files, metadata: Card) -> Files:
        """Return *files* with the card as TFLite metadata."""
        return Files(file_metadata.into_tflite(files.content, metadata))

    @cached_property
    def _laid_out(self) -> NDArray[np.float32]:
        return formats.laid_out(self._calibration, self._shape)

    @cached_property
    def _interface(self) -> tuple[str, str, str]:
        """Names of the signature, of its input, and of the tensor behind it."""
        interpreter = formats.tflite_interpreter(self._float)
        tensor = interpreter.get_input_details()[0]["name"]
        signature, ends = next(iter(interpreter.get_signature_list().items()))
        return signature, ends["inputs"][0], tensor

    @cached_property
    def _ranges(self) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Tensor name → its smallest and largest value in each calibration image, ``(n,)`` each."""
        seen: dict[str, list[tuple[float, float]]] = {}
        for flowing in _flowing(self._float, self._calibration, self._shape):
            for name, array in flowing.items():
                seen.setdefault(name, []).append((float(array.min()), float(array.max())))
        columns = {name: np.array(rows, np.float32) for name, rows in seen.items()}
        broken = next((name for name, column in columns.items() if not np.isfinite(column).all()), None)
        if broken is not None:  # its scale would be NaN too, which LiteRT dies of
            raise BadInput(
                f"{broken} is NaN or infinite for a calibration image; check the model's weights and --range"
            )
        return {name: (column[:, 0], column[:, 1]) for name, column in columns.items()}

    def _with_ranges(self, first: dict[str, Any], method: str) -> dict[str, Any]:
        """Return AI Edge Quantizer's own statistics of one image with the ranges of all of them in their place."""
        upper = self.percentiles[method]
        whole = self._whole_ranges
        merged = dict(first)
        for name, statistics in first.items():
            if statistics and name in self._ranges:
                lows, highs = self._ranges[name]
                speaks = (lows != 0) | (highs != 0)  # an image in which it is silent says nothing of its range
                if speaks.any():
                    lows, highs = lows[speaks], highs[speaks]
                share = 100 if name in whole else upper
                low, high = float(np.percentile(lows, 100 - share)), float(np.percentile(highs, share))
                if max(high, 0) - min(low, 0) < SMALLEST:
                    high = SMALLEST
                shape = np.shape(statistics["min"])
                ends = {key: np.full(shape, end, np.float32) for key, end in (("min", low), ("max", high))}
                merged[name] = {**statistics, **ends}
        return merged

    @cached_property
    def _whole_ranges(self) -> frozenset[str]:
        """Tensors of which nothing is clipped.

        The face: each pixel keeps a number of its own. What goes into a softmax: clipped, labels stay, but a sure face
        becomes an unsure one.
        """
        layers = self.graph().by_name
        before = {layers[name].output for layer in layers.values() if layer.kind == SOFTMAX for name in layer.inputs}
        return frozenset({self._interface[2]} | before)

    def _exceptions(self, float_layers: frozenset[str], weight_only: frozenset[str]) -> list[dict[str, Any]]:
        """Return the rules that keep layers in float; those of *weight_only* have weights of 8 bits."""
        from ai_edge_quantizer import recipe

        rules = []
        for layer in self.graph().layers:
            if layer.name in float_layers:
                exact = f"^{re.escape(layer.output)};$"
                rules.append(_rule(exact, "*", None))
                if layer.name in weight_only:
                    rules.append(_rule(exact, "FULLY_CONNECTED", recipe.weight_only_wi8_afp32()[0]["op_config"]))
        return rules


def _rule(regex: str, operation: str, config: dict[str, Any] | None) -> dict[str, Any]:
    algorithm = "no_quantize" if config is None else "min_max_uniform_quantize"
    return {"regex": regex, "operation": operation, "algorithm_key": algorithm, "op_config": config or {}}


def _flowing(
    content: bytes, values: NDArray[np.float32], shape: tuple[int, ...]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield, for each of *values*, every tensor that depends on it, as ``(1, ..., channels)`` float32."""
    with _quiet():
        interpreter = formats.tflite_interpreter(content, keep_all=True)
    (source,) = interpreter.get_input_details()
    scale, zero = source["quantization"]
    made = {int(index) for op in interpreter._get_ops_details() for index in op["outputs"]}  # noqa: SLF001
    details = [d for d in interpreter.get_tensor_details() if d["index"] in made | {source["index"]}]
    for value in formats.laid_out(values, shape):
        given = value[np.newaxis]
        if scale:
            bounds = np.iinfo(source["dtype"])
            given = np.clip(np.rint(given / scale + zero), bounds.min, bounds.max).astype(source["dtype"])
        interpreter.set_tensor(source["index"], given)
        interpreter.invoke()
        flowing = {}
        for detail in details:
            # What a delegate has taken over into its own memory cannot be read.
            with contextlib.suppress(ValueError):
                flowing[detail["name"]] = _dequantized(interpreter.get_tensor(detail["index"]), detail)
        yield flowing


def _dequantized(array: NDArray[Any], detail: dict[str, Any]) -> NDArray[np.float32]:
    scale, zero = detail["quantization"]
    return np.asarray((array.astype(np.float32) - zero) * scale if scale else array, np.float32)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep AI Edge Quantizer's progress bars and LiteRT's warnings off the user's terminal."""
    import warnings

    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
