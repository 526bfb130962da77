"""How a crop gets into a model: one table look-up a plane, whatever the order of axes and the type of numbers.

The spec's table and the input's own quantization fold into one table from pixel to the number that the model takes.
For int8 with range [0, 1], scale 1/255 and zero point -128 that is a pixel minus 128.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_fer.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.backends import ModelFile


class Input:
    """The array that a model reads its one face from, ``(1, N, N, planes)`` or ``(1, planes, N, N)``."""

    def __init__(
        self, model: ModelFile, shape: Sequence[Any], dtype: Any, scale: float = 0.0, zero_point: int = 0
    ) -> None:
        side, planes = model.preprocess.size_px, model.preprocess.planes
        last, first = (1, side, side, planes), (1, planes, side, side)
        if tuple(shape) not in (last, first):
            raise BackendError(f"the model's input is {tuple(shape)}, the manifest means {last} or {first}")
        self.table = _quantized(model.preprocess.table(), np.dtype(dtype), scale, zero_point)
        self.batch = np.empty(tuple(shape), dtype)
        # A look-up writes into contiguous memory: planes apart, or one plane. Three planes last are taken together.
        self._together = planes > 1 and tuple(shape) == last
        inner = self.batch[0] if tuple(shape) == first else self.batch[0].transpose(2, 0, 1)
        self._planes = [(plane, np.ascontiguousarray(self.table[:, n])) for n, plane in enumerate(inner)]

    def fill(self, crop: NDArray[np.uint8]) -> None:
        """Write *crop*, ``(N, N)`` uint8, into `batch`."""
        if self._together:
            np.take(self.table, crop, axis=0, out=self.batch[0], mode="clip")
            return
        for plane, table in self._planes:
            cv2.LUT(crop, table, dst=plane)


def check_output(model: ModelFile, shape: Sequence[Any]) -> None:
    """Raise `BackendError` unless *shape* is ``(1, labels)``."""
    wanted = (1, len(model.labels))
    if tuple(shape) != wanted:
        raise BackendError(f"the model's output is {tuple(shape)}, the manifest means {wanted}")


def only(parts: Sequence[Any], what: str) -> Any:
    """Return the one of *parts*. Raises `BackendError` when there are none or several."""
    if len(parts) != 1:
        raise BackendError(f"the model has {len(parts)} {what}s; a FER classifier has one: convert it again")
    return parts[0]


def _quantized(values: NDArray[np.float32], dtype: np.dtype[Any], scale: float, zero_point: int) -> NDArray[Any]:
    if dtype == np.float32:
        return values
    if dtype not in (np.int8, np.uint8) or not scale:
        raise BackendError(f"the model's input is {dtype.name}; quantized int8 and uint8, and float32 are supported")
    bounds = np.iinfo(dtype)
    table: NDArray[Any] = np.clip(np.rint(values / np.float32(scale) + zero_point), bounds.min, bounds.max).astype(
        dtype
    )
    return table
