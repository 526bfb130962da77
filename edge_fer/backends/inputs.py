"""The input of a model: a table look-up per channel, whatever the order of axes and the type of numbers.

The spec's table and the input's quantization combine into one table from pixel to the number that the model takes. For
int8 with range [0, 1], scale 1/255 and zero point -128, that number is the pixel minus 128. Where the spec standardises
each crop, the table is made for each crop: 256 entries cost less than the crop's pixels do.
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
    """The array from which a model reads one face, ``(1, N, N, planes)`` or ``(1, planes, N, N)``.

    Raises `BackendError` for another *shape*, or a *dtype* that is not supported.
    """

    def __init__(
        self, model: ModelFile, shape: Sequence[Any], dtype: Any, scale: float = 0.0, zero_point: int = 0
    ) -> None:
        side = model.preprocess.size_px
        planes = model.preprocess.planes
        planes_last = (1, side, side, planes)
        planes_first = (1, planes, side, side)
        if tuple(shape) not in (planes_last, planes_first):
            raise BackendError(
                f"the model's input is {tuple(shape)}, the manifest says {planes_last} or {planes_first}; "
                "convert the model again"
            )
        self._spec = model.preprocess
        self._numbers = np.dtype(dtype), scale, zero_point
        self.table = _quantized(model.preprocess.table(), *self._numbers)
        """``(256, planes)``: the number for each pixel; of a spec that standardises, that of no crop."""
        self.batch = np.empty(tuple(shape), dtype)
        # OpenCV's look-up is the faster one, but writes into contiguous planes only. With several planes last, the
        # planes alternate in memory, and NumPy writes all of them at once.
        self._interleaved = planes > 1 and tuple(shape) == planes_last
        # Views of the batch, one for each plane, and the look-up table of each.
        batch_planes = self.batch[0] if tuple(shape) == planes_first else self.batch[0].transpose(2, 0, 1)
        self._planes = list(batch_planes)
        self._tables = np.ascontiguousarray(self.table.T)

    def fill(self, crop: NDArray[np.uint8]) -> None:
        """Write *crop*, ``(N, N)`` uint8, into `batch`."""
        if self._spec.standardize:
            self.table = _quantized(self._spec.table_of(crop), *self._numbers)
            self._tables = np.ascontiguousarray(self.table.T)
        if self._interleaved:
            # A uint8 is always in range; "clip" spares NumPy the check and the buffer that it needs for it.
            np.take(self.table, crop, axis=0, out=self.batch[0], mode="clip")
            return
        for plane, table in zip(self._planes, self._tables, strict=True):
            cv2.LUT(crop, table, dst=plane)


def check_output(model: ModelFile, shape: Sequence[Any]) -> None:
    """Raise `BackendError` unless *shape* is ``(1, labels)``."""
    expected = (1, len(model.labels))
    if tuple(shape) != expected:
        raise BackendError(
            f"the model's output is {tuple(shape)}, the manifest says {expected}; convert the model again"
        )


def check_scale(what: str, scale: float) -> None:
    """Raise `BackendError` unless *scale*, by which the model's *what* is quantized, is a positive finite number."""
    if not (np.isfinite(scale) and scale > 0):
        raise BackendError(f"the model's {what} is quantized with scale {float(scale)}; convert the model again")


def single(parts: Sequence[Any], what: str) -> Any:
    """Return the only one of *parts*. Raises `BackendError` if there are none or several."""
    if len(parts) != 1:
        raise BackendError(f"the model has {len(parts)} {what}s; a classifier has one: convert it again")
    return parts[0]


def _quantized(values: NDArray[np.float32], dtype: np.dtype[Any], scale: float, zero_point: int) -> NDArray[Any]:
    """Return *values* as the numbers that stand for them in a tensor of *dtype*: value / scale + zero point."""
    if dtype == np.float32:
        return values
    if dtype not in (np.int8, np.uint8) or not scale:
        raise BackendError(f"the model's input is {dtype.name}; quantized int8 and uint8, and float32 are supported")
    check_scale("input", scale)
    bounds = np.iinfo(dtype)
    rounded = np.rint(values / np.float32(scale) + zero_point)
    clipped: NDArray[Any] = np.clip(rounded, bounds.min, bounds.max).astype(dtype)
    return clipped
