"""What both networks share: one picture in, float32, and named tensors out, executed by LiteRT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_fer.backends import litert
from edge_fer.errors import BackendError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Network:
    """A ``.tflite`` model that sees a square picture in colours of 0 to 1. For one thread at a time."""

    def __init__(self, content: bytes, threads: int, side_px: int, outputs: Sequence[tuple[int, ...]]) -> None:
        """Load the model *content*, with one float32 output of each shape of *outputs*.

        Raises `BackendError` for another model, `MissingDependency` without LiteRT.
        """
        runtime, version, self._interpreter = litert.interpreter(content, threads)
        self._runtime = f"{runtime} {version}"
        self._input = _only(self._interpreter.get_input_details(), (1, side_px, side_px, 3))
        details = self._interpreter.get_output_details()
        self._outputs = [_only(details, shape) for shape in outputs]
        self._batch = np.zeros((1, side_px, side_px, 3), np.float32)

    def run(self, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Return the outputs for *picture*, ``(side, side)`` grey or ``(side, side, 3)`` BGR, in the order asked for.

        Raises `BackendError` if the runtime fails.
        """
        code = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
        np.multiply(cv2.cvtColor(picture, code), np.float32(1 / 255), out=self._batch[0])
        try:
            self._interpreter.set_tensor(self._input, self._batch)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index) for index in self._outputs]
        except (ValueError, RuntimeError) as exc:
            raise BackendError(f"{self._runtime} failed while executing the model: {one_line(exc)}") from exc


def _only(tensors: list[dict[str, Any]], shape: tuple[int, ...]) -> int:
    """Return the index of the one float tensor of *shape*. Raises `BackendError`."""
    found = []
    for tensor in tensors:
        lengths = tuple(int(length) for length in tensor["shape"])
        if lengths == shape and np.dtype(tensor["dtype"]) == np.float32:
            return int(tensor["index"])
        found.append(f"{np.dtype(tensor['dtype']).name} {lengths}")
    raise BackendError(f"it has {', '.join(found)}, and no float32 {shape}")
