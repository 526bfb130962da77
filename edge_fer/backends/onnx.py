"""ONNX Runtime on the CPU."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import telemetry
from edge_fer.backends import BackendBase, BackendInfo, check_crops
from edge_fer.backends.inputs import Input, check_output, single
from edge_fer.dependencies import load as load_package
from edge_fer.errors import BackendError, one_line
from edge_fer.streams import without_remarks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile

log = logging.getLogger(__name__)

INSTALL: Final = "pip install 'edge-fer[onnx]'"
EXTERNAL_FOLDER: Final = "session.model_external_initializers_file_folder_path"
"""ONNX Runtime's key of the folder from which a model that is in memory may read weights."""
NOWHERE: Final = "/nonexistent/edge-fer"
"""By default that is the working directory, where anything could lie; a bundle's models have their weights inside."""
ERRORS_ONLY: Final = 3
"""ONNX Runtime's severity from which a session writes to its log: not its warnings about the graph."""


def load(model: ModelFile) -> OnnxRuntime:
    """Load an ``.onnx`` model. Raises `MissingDependency` without the runtime, `BackendError` if it is refused."""
    return OnnxRuntime(model)


def find_runtime() -> Any:
    """Return the module of ONNX Runtime. Raises `MissingDependency` if it cannot be loaded."""
    telemetry.switch_off()
    with without_remarks(log):  # on boards, it looks for a GPU and warns that there is none
        return load_package("onnxruntime", "ONNX Runtime", INSTALL, uses="InferenceSession")


class OnnxRuntime(BackendBase):
    """An ``.onnx`` model: one float32 image in, one row of float32 scores out."""

    def __init__(self, model: ModelFile) -> None:
        onnxruntime = find_runtime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = model.threads
        options.inter_op_num_threads = 1  # the layers follow one another; more would only idle
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry(EXTERNAL_FOLDER, NOWHERE)
        version = onnxruntime.__version__
        try:
            # The CPU by name: packages for a GPU would prefer it.
            self._session: Any = onnxruntime.InferenceSession(model.content, options, ["CPUExecutionProvider"])
        except Exception as exc:  # onnxruntime's errors have no common base
            reason = one_line(exc)
            raise BackendError(f"onnxruntime {version} refuses the model: {reason}; convert it again") from exc
        source = single(self._session.get_inputs(), "input")
        sink = single(self._session.get_outputs(), "output")
        if source.type != "tensor(float)":
            raise BackendError(f"the model's input is {source.type}, only tensor(float) is supported; convert it again")
        self._input = Input(model, source.shape, np.float32)
        check_output(model, sink.shape)
        self._preprocess = model.preprocess
        self._classes = len(model.labels)
        self._feed = {source.name: self._input.batch}
        self._output = [sink.name]
        computes = executed_precision(model.content)
        self.info = BackendInfo("onnx", "onnxruntime", version, model.threads, "float32", computes)

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*."""
        check_crops(crops, self._preprocess)
        if self._session is None:
            raise BackendError("this model is closed; load it again")
        scores = np.empty((len(crops), self._classes), np.float32)
        for crop, row in zip(crops, scores, strict=True):
            self._input.fill(crop)
            try:
                row[:] = self._session.run(self._output, self._feed)[0][0]
            except Exception as exc:  # onnxruntime's errors have no common base
                raise BackendError(f"onnxruntime failed while executing the model: {one_line(exc)}") from exc
        return scores

    def close(self) -> None:
        """Release the model."""
        self._session = None


def executed_precision(content: bytes) -> str:
    """Return ``int8`` if the model file *content* quantizes its activations, else ``float32``.

    Files whose weights alone are quantized only dequantize.
    """
    # The names of the operators stand in the file as plain text, so that it need not be parsed.
    without_dequantizing = content.replace(b"DequantizeLinear", b"")
    return "int8" if b"QuantizeLinear" in without_dequantizing else "float32"
