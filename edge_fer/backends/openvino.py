"""OpenVINO on the CPU."""

from __future__ import annotations

import logging
import platform
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import telemetry
from edge_fer.backends import BackendBase, BackendInfo, check_crops
from edge_fer.backends.inputs import Input, check_output, single
from edge_fer.dependencies import load as load_package
from edge_fer.errors import BackendError, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile

log = logging.getLogger(__name__)

INSTALL: Final = "pip install 'edge-fer[openvino]'"
IR_START: Final = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]{0,200}\?>\s*)?<net[\s>]")
HEAVY_LAYERS: Final = (frozenset({"Convolution", "GroupConvolution"}), frozenset({"FullyConnected", "MatMul"}))
"""The types of layers that take most of the time, those that take more of it first."""
PRECISIONS: Final = {"i8": "int8", "u8": "int8", "f16": "float16", "f32": "float32", "bf16": "bfloat16"}
"""The usual names of what OpenVINO's layers execute in, by OpenVINO's own."""


def load(model: ModelFile) -> OpenVINO:
    """Load an ``.xml`` and ``.bin``. Raises `MissingDependency` without the runtime, `BackendError` if refused."""
    return OpenVINO(model)


def find_runtime() -> Any:
    """Return the module of OpenVINO. Raises `MissingDependency` if it cannot be loaded."""
    telemetry.switch_off()
    return load_package("openvino", "OpenVINO", INSTALL, uses="Core")


class OpenVINO(BackendBase):
    """An OpenVINO model: one float32 image in, one row of float32 scores out.

    It computes float32 models in float32 on every machine. On Arm, OpenVINO has no int8 convolutions and executes those
    of int8 models in float32: `info.computes` and a warning say so.
    """

    def __init__(self, model: ModelFile) -> None:
        openvino = find_runtime()
        _refuse_other_than_ir(model.content)
        version = openvino.__version__.split("-")[0]  # without number and branch of the build
        try:
            core = openvino.Core()
            graph = core.read_model(model=model.content, weights=model.weights)
            quantized = any(node.get_type_name() == "FakeQuantize" for node in graph.get_ops())
            # The CPU by name: AUTO would take a GPU where there is one, and results would depend on it.
            compiled = core.compile_model(graph, "CPU", _settings(model.threads))
        except (RuntimeError, TypeError, ValueError) as exc:
            raise BackendError(f"openvino {version} refuses the model: {_last_line(exc)}; convert it again") from exc
        source = single(compiled.inputs, "input")
        sink = single(compiled.outputs, "output")
        self._input = Input(model, tuple(source.get_shape()), source.get_element_type().to_dtype())
        check_output(model, tuple(sink.get_shape()))
        self._preprocess = model.preprocess
        self._classes = len(model.labels)
        self._request: Any = compiled.create_infer_request()
        # Shared, so that filling the batch is all that it takes to set the input.
        self._request.set_input_tensor(openvino.Tensor(self._input.batch, shared_memory=True))
        self.info = BackendInfo("openvino", "openvino", version, model.threads, "float32", executed_precision(compiled))
        if quantized and self.info.computes not in {"int8", "mixed"}:
            log.warning(
                "OpenVINO computes this int8 model in %s on %s; a litert-int8 target computes int8 there",
                self.info.computes, platform.machine(),
            )  # fmt: skip

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*."""
        check_crops(crops, self._preprocess)
        if self._request is None:
            raise BackendError("this model is closed; load it again")
        scores = np.empty((len(crops), self._classes), np.float32)
        for crop, row in zip(crops, scores, strict=True):
            self._input.fill(crop)
            try:
                self._request.infer()
            except RuntimeError as exc:
                raise BackendError(f"openvino failed while executing the model: {_last_line(exc)}") from exc
            row[:] = self._request.get_output_tensor().data[0]
        return scores

    def close(self) -> None:
        """Release the model."""
        self._request = None


def _refuse_other_than_ir(content: bytes) -> None:
    """Raise `BackendError` unless *content* begins as OpenVINO's own format (IR), whose weights the bundle pins.

    OpenVINO also reads ONNX, TensorFlow and others, and with them files from the working directory.
    """
    if not IR_START.match(content) or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise BackendError("the model is no IR of OpenVINO, an .xml that begins with <net; convert it again")


def _settings(threads: int) -> dict[str, Any]:
    """Return what OpenVINO would otherwise choose by itself, differently on each machine.

    All that is not int8 is computed in float32. In float16, which newer Arm CPUs have, activations would fall beside
    the steps to which they are quantized, and scores of an int8 model would differ by up to 0.13.
    """
    return {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def executed_precision(compiled: Any) -> str:
    """Return the numbers in which the heaviest layers of a *compiled* model execute; ``mixed`` if they differ."""
    layers = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    for types in HEAVY_LAYERS:
        executed = set()
        for layer in layers:
            if layer["layerType"].astype(str) in types:
                executed.add(PRECISIONS.get(layer["runtimePrecision"].astype(str), "other"))
        if executed:
            return executed.pop() if len(executed) == 1 else "mixed"
    return "float32"


def _last_line(exc: Exception) -> str:
    """Return the last line of an error of OpenVINO: the lines before it are places in its own source."""
    lines = str(exc).strip().splitlines()
    return one_line(lines[-1]) if lines else type(exc).__name__
