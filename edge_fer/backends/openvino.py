"""OpenVINO on the CPU."""

from __future__ import annotations

import logging
import platform
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.backends import BackendBase, BackendInfo, check_crops
from edge_fer.backends.inputs import Input, check_output, only
from edge_fer.errors import BackendError, MissingDependency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile

log = logging.getLogger(__name__)

#: The layers that take the time, those that take the most first, and OpenVINO's names of what they execute in.
HEAVY: Final = (frozenset({"Convolution", "GroupConvolution"}), frozenset({"FullyConnected", "MatMul"}))
PRECISIONS: Final = {"i8": "int8", "u8": "int8", "f16": "float16", "f32": "float32", "bf16": "bfloat16"}


def load(model: ModelFile) -> OpenVINO:
    """Load an ``.xml`` and ``.bin``. Raises `MissingDependency` without the runtime, `BackendError` for a bad file."""
    return OpenVINO(model)


class OpenVINO(BackendBase):
    """An OpenVINO model: one float32 image in, one row of float32 scores out.

    float32 models are computed in float32 everywhere. On Arm, OpenVINO has no int8 convolutions and executes those of
    int8 models in float32: `info.computes` says so, and so does a warning.
    """

    def __init__(self, model: ModelFile) -> None:
        try:
            import openvino
        except ImportError as exc:
            raise MissingDependency("OpenVINO is not installed: pip install 'edge-fer[openvino]'") from exc
        version = openvino.__version__.split("-")[0]
        try:
            core = openvino.Core()
            graph = core.read_model(model=model.content, weights=model.weights)
            quantized = any(node.get_type_name() == "FakeQuantize" for node in graph.get_ops())
            compiled = core.compile_model(graph, "CPU", _settings(model.threads))
        except (RuntimeError, TypeError, ValueError) as exc:
            reason = str(exc).strip().splitlines()[-1] if str(exc).strip() else type(exc).__name__
            raise BackendError(f"openvino {version} refuses the model: {reason}; convert it again") from exc
        source, sink = only(compiled.inputs, "input"), only(compiled.outputs, "output")
        self._input = Input(model, tuple(source.get_shape()), source.get_element_type().to_dtype())
        check_output(model, tuple(sink.get_shape()))
        self._preprocess, self._classes = model.preprocess, len(model.labels)
        self._request: Any = compiled.create_infer_request()
        self._request.set_input_tensor(openvino.Tensor(self._input.batch, shared_memory=True))
        self.info = BackendInfo("openvino", "openvino", version, model.threads, "float32", _computes(compiled))
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
                raise BackendError(f"openvino failed while executing the model: {exc}") from exc
            row[:] = self._request.get_output_tensor().data[0]
        return scores

    def close(self) -> None:
        """Release the model."""
        self._request = None


def _settings(threads: int) -> dict[str, Any]:
    """Return what OpenVINO would otherwise choose by itself, machine by machine.

    What is not int8 is computed in float32. In float16, which Arm's newer CPUs have, activations fall beside the steps
    that they are rounded to, and scores of an int8 model differ by up to 0.13.
    """
    return {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def _computes(compiled: Any) -> str:
    """Return what the heaviest layers execute in, as the executed graph says; ``mixed`` where they differ."""
    infos = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    for kinds in HEAVY:
        heavy = (info for info in infos if info["layerType"].astype(str) in kinds)
        executed = {PRECISIONS.get(info["runtimePrecision"].astype(str), "other") for info in heavy}
        if executed:
            return executed.pop() if len(executed) == 1 else "mixed"
    return "float32"
