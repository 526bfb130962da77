"""LiteRT, under any of the names by which it is distributed."""

from __future__ import annotations

import logging
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.backends import BackendBase, BackendInfo, check_crops
from edge_fer.backends.inputs import Input, check_output, check_scale, single
from edge_fer.dependencies import load as load_package
from edge_fer.errors import BackendError, MissingDependency, one_line
from edge_fer.streams import without_remarks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile

log = logging.getLogger(__name__)

RUNTIMES: Final = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite",
    "tensorflow-cpu": "tensorflow.lite",
}
"""Modules by name of the distribution, in the order in which they are tried."""
INSTALL: Final = "pip install ai-edge-litert (64-bit only; older boards: pip install tflite-runtime)"
OTHERS: Final = "tflite-runtime, an older ai-edge-litert or a newer system may do instead"


def load(model: ModelFile) -> LiteRT:
    """Load a ``.tflite`` model. Raises `MissingDependency` without a runtime, `BackendError` if it is refused."""
    return LiteRT(model)


def find_runtime() -> tuple[str, str, Any]:
    """Return distribution, version and module of the first LiteRT that is installed and can be loaded.

    A warning tells of those before it that cannot be. Raises `MissingDependency` if there is none.
    """
    faults: list[str] = []
    for distribution, module in RUNTIMES.items():
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        try:
            runtime = load_package(module, f"{distribution} {version}", INSTALL, uses="Interpreter")
        except MissingDependency as exc:
            faults.append(str(exc))
            continue
        if faults:
            log.warning("%s; %s %s is taken instead", "; ".join(faults), distribution, version)
        return distribution, version, runtime
    if faults:
        raise MissingDependency(f"{'; '.join(faults)}; {OTHERS}")
    raise MissingDependency(f"no LiteRT is installed: {INSTALL}")


def interpreter(content: bytes, threads: int) -> tuple[str, str, Any]:
    """Return distribution, version and an interpreter of the model *content*, ready to run.

    Raises `MissingDependency` without a runtime, `BackendError` if it refuses the model.
    """
    runtime, version, module = find_runtime()
    try:
        with without_remarks(log):  # XNNPACK tells of itself once a process
            loaded = module.Interpreter(model_content=content, num_threads=threads)
            loaded.allocate_tensors()
    # ValueError: the content is no model. RuntimeError: it has an operator that this version lacks.
    except (ValueError, RuntimeError) as exc:
        raise BackendError(f"{runtime} {version} refuses the model: {one_line(exc)}") from exc
    return runtime, version, loaded


class LiteRT(BackendBase):
    """A ``.tflite`` model: one image in, one row of scores out, each int8, uint8 or float32."""

    def __init__(self, model: ModelFile) -> None:
        try:
            runtime, version, self._interpreter = interpreter(model.content, model.threads)
        except BackendError as exc:
            raise BackendError(f"{exc}; convert it again") from exc
        self._preprocess = model.preprocess
        self._classes = len(model.labels)
        source = single(self._interpreter.get_input_details(), "input")
        self._output = single(self._interpreter.get_output_details(), "output")
        self._input_index = source["index"]
        # Plain integers: NumPy's would stand in error messages as np.int32(1).
        self._input = Input(model, [int(n) for n in source["shape"]], source["dtype"], *source["quantization"])
        check_output(model, [int(n) for n in self._output["shape"]])
        self._scale, self._zero = _quantization(self._output)
        precision = np.dtype(source["dtype"]).name
        computes = executed_precision(self._interpreter.get_tensor_details())
        self.info = BackendInfo("litert", runtime, version, model.threads, precision, computes)

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*."""
        check_crops(crops, self._preprocess)
        if self._interpreter is None:
            raise BackendError("this model is closed; load it again")
        # In the model's own numbers, which are converted to scores together at the end.
        raw = np.empty((len(crops), self._classes), self._output["dtype"])
        for crop, row in zip(crops, raw, strict=True):
            self._input.fill(crop)
            # This copies the batch, so that it can be filled again at once.
            self._interpreter.set_tensor(self._input_index, self._input.batch)
            try:
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as exc:
                raise BackendError(f"{self.info.runtime} failed while executing the model: {one_line(exc)}") from exc
            row[:] = self._interpreter.get_tensor(self._output["index"])[0]
        return (raw.astype(np.float32) - self._zero) * self._scale

    def close(self) -> None:
        """Release the model."""
        self._interpreter = None


def _quantization(details: dict[str, Any]) -> tuple[np.float32, np.float32]:
    """Return scale and zero point of a tensor; 1 and 0 for floats."""
    scale, zero_point = details["quantization"]
    if not scale:  # LiteRT gives scale 0 for tensors that are not quantized
        return np.float32(1), np.float32(0)
    check_scale("output", scale)
    return np.float32(scale), np.float32(zero_point)


def executed_precision(tensors: list[dict[str, Any]]) -> str:
    """Return the numbers of the activations among a model's *tensors*; ``mixed`` if they differ."""
    precisions = set()
    for tensor in tensors:
        # Activations are (1, height, width, channels); weights have another first axis or fewer axes.
        is_activation = len(tensor["shape"]) == 4 and tensor["shape"][0] == 1
        precision = np.dtype(tensor["dtype"]).name
        if is_activation and precision in {"int8", "int16", "uint8", "float32"}:
            precisions.add(precision)
    if not precisions:
        return "float32"
    return precisions.pop() if len(precisions) == 1 else "mixed"
