"""LiteRT, under whichever of its three names is installed.

int8 models take the pixels almost as they are: the contract's table and the input's quantization fold into one table
from pixel to int8 (with range [0, 1], scale 1/255 and zero point -128, a pixel minus 128).
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer.backends import BackendInfo, check_crops
from edge_fer.errors import BackendError, MissingDependency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile

#: Distribution → module, in the order in which they are tried.
RUNTIMES: Final = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite",
    "tensorflow-cpu": "tensorflow.lite",
}


def load(model: ModelFile) -> LiteRT:
    """Load a ``.tflite`` model. Raises `MissingDependency` without a runtime, `BackendError` for a bad file."""
    return LiteRT(model)


def find_runtime() -> tuple[str, str, Any]:
    """Return the distribution, version and module of the first LiteRT that is installed."""
    for distribution, module in RUNTIMES.items():
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        return distribution, version, importlib.import_module(module)
    raise MissingDependency(
        "no LiteRT is installed: pip install ai-edge-litert (64-bit only; older boards: pip install tflite-runtime)"
    )


class LiteRT:
    """A ``.tflite`` model: one image in, one row of scores out, int8, uint8 or float32."""

    def __init__(self, model: ModelFile) -> None:
        runtime, version, module = find_runtime()
        try:
            self._interpreter: Any = module.Interpreter(model_content=model.content, num_threads=model.threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as exc:
            raise BackendError(f"{runtime} {version} refuses the model: {exc}; convert it again") from exc
        self._preprocess = model.preprocess
        self._classes = len(model.labels)
        self._input = self._one(self._interpreter.get_input_details(), "input")
        self._output = self._one(self._interpreter.get_output_details(), "output")
        self._check_shapes()
        self._table = _input_table(model, self._input)
        self._batch = np.empty(self._input["shape"], self._input["dtype"])
        self._scale, self._zero = _quantization(self._output)
        self.info = BackendInfo("litert", runtime, version, model.threads, np.dtype(self._input["dtype"]).name)

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*."""
        check_crops(crops, self._preprocess)
        if self._interpreter is None:
            raise BackendError("this model is closed; load it again")
        raw = np.empty((len(crops), self._classes), self._output["dtype"])
        for crop, row in zip(crops, raw, strict=True):
            cv2.LUT(crop, self._table, dst=self._batch[0, :, :, 0])
            self._interpreter.set_tensor(self._input["index"], self._batch)
            try:
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as exc:
                raise BackendError(f"{self.info.runtime} failed while executing the model: {exc}") from exc
            row[:] = self._interpreter.get_tensor(self._output["index"])[0]
        return (raw.astype(np.float32) - self._zero) * self._scale

    def close(self) -> None:
        """Release the model."""
        self._interpreter = None

    @staticmethod
    def _one(details: list[dict[str, Any]], what: str) -> dict[str, Any]:
        if len(details) != 1:
            raise BackendError(f"the model has {len(details)} {what}s; a FER classifier has one: convert it again")
        return details[0]

    def _check_shapes(self) -> None:
        side = self._preprocess.size_px
        for details, wanted in ((self._input, (1, side, side, 1)), (self._output, (1, self._classes))):
            shape = tuple(int(n) for n in details["shape"])
            if shape != wanted:
                raise BackendError(f"the model's {details['name']} is {shape}, the manifest means {wanted}")


def _quantization(details: dict[str, Any]) -> tuple[np.float32, np.float32]:
    """Return scale and zero point of a tensor; (1, 0) for floats."""
    scale, zero = details["quantization"]
    return (np.float32(scale), np.float32(zero)) if scale else (np.float32(1), np.float32(0))


def _input_table(model: ModelFile, details: dict[str, Any]) -> NDArray[Any]:
    """Return the ``(256,)`` table from pixel to the number that the model takes."""
    values = model.preprocess.table()
    dtype = np.dtype(details["dtype"])
    if dtype == np.float32:
        return values
    if dtype not in (np.int8, np.uint8):
        raise BackendError(f"the model's input is {dtype.name}; int8, uint8 and float32 are supported")
    scale, zero = _quantization(details)
    bounds = np.iinfo(dtype)
    table: NDArray[Any] = np.clip(np.rint(values / scale + zero), bounds.min, bounds.max).astype(dtype)
    return table
