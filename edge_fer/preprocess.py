"""The one preprocessing spec: training, calibration, benchmarks and the device all call `Preprocess`.

A spec is values, never code, so that a bundle can carry it. It leads from a frame and a face box to the uint8 crop
that the classifier sees, and from a crop's pixels to the model's numbers by a table of 256 entries, which a backend
folds into its own input quantization: nothing is converted on the hot path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import cv2
import numpy as np
from pydantic import Field, model_validator

from edge_fer.errors import BadInput
from edge_fer.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_SIDE_PX = 16_384
Value = Annotated[float, Field(allow_inf_nan=False)]


def to_gray(frame: NDArray[Any]) -> NDArray[np.uint8]:
    """Return *frame* as grey ``(height, width)`` uint8; a frame that already is grey uint8 is returned as it is.

    Takes ``(height, width)`` or ``(height, width, 1 | 3 | 4)``: grey, BGR, BGRA (OpenCV's order). Dtypes: uint8; uint16
    (full range); bool; floats in [0, 1]. Raises `BadInput` for anything else, for empty frames and for NaN.
    """
    if frame.ndim not in (2, 3) or 0 in frame.shape:
        raise BadInput(f"frame has shape {frame.shape}; pass (height, width) or (height, width, 1 | 3 | 4)")
    if max(frame.shape[:2]) > MAX_SIDE_PX:
        raise BadInput(f"frame has shape {frame.shape}; its longest side may be {MAX_SIDE_PX} px: scale it down first")
    if frame.ndim == 3 and frame.shape[2] not in (1, 3, 4):
        raise BadInput(f"frame has {frame.shape[2]} channels; pass 1 (grey), 3 (BGR) or 4 (BGRA)")
    pixels = _to_uint8(frame)
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    code = cv2.COLOR_BGR2GRAY if pixels.shape[2] == 3 else cv2.COLOR_BGRA2GRAY
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def _to_uint8(frame: NDArray[Any]) -> NDArray[np.uint8]:
    if frame.dtype == np.uint8:
        return frame
    if frame.dtype == np.bool_:
        return frame.astype(np.uint8) * np.uint8(255)
    if frame.dtype == np.uint16:
        return (frame >> 8).astype(np.uint8)
    if frame.dtype.kind == "f":
        low, high = float(frame.min()), float(frame.max())
        if not (low >= 0.0 and high <= 1.0):  # written so that NaN fails too
            raise BadInput(f"float frame spans {low:g} to {high:g}; floats must lie in [0, 1], without NaN")
        return np.rint(frame * 255.0).astype(np.uint8)
    raise BadInput(f"frame has dtype {frame.dtype}; pass uint8, uint16, bool, or floats in [0, 1]")


class Preprocess(Frozen):
    """How a face box in a frame becomes a model's input. Frozen; stands in every manifest as values."""

    size_px: Annotated[int, Field(ge=8, le=512)] = 96
    """Side N of the square N x N crop."""
    channels: Literal["gray", "gray3"] = "gray"
    """What the model sees: one grey plane, or the same plane three times, for models made for colour."""
    margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Widening of the face box on each side, as a fraction of its side, before it is cropped."""
    interpolation: Literal["bilinear"] = "bilinear"
    """Between pixels. A face more than twice as large as the crop is averaged down to below that first."""
    equalize: bool = False
    """Whether the crop's histogram is equalised (Istiqomah et al., JAIC 2024, do so)."""
    canny: tuple[Value, Value] | None = None
    """Lower and upper threshold of Canny's edges, which the model then sees instead of the pixels: 255 on an edge, else
    0 (Istiqomah et al., JAIC 2024, Algorithm 1, after equalising)."""
    regions: bool = False
    """Whether only eyes, nose and mouth are left of the face, the rest its mean grey (section II.D there)."""
    low: Value | tuple[Value, Value, Value] = 0.0
    """Model value of pixel 0; three of them where the planes are normalised each by its own mean and deviation."""
    high: Value | tuple[Value, Value, Value] = 1.0
    """Model value of pixel 255."""

    @model_validator(mode="after")
    def _consistent(self) -> Preprocess:
        if self.planes == 1 and (isinstance(self.low, tuple) or isinstance(self.high, tuple)):
            raise ValueError("a range a plane needs channels 'gray3'")
        return self

    def at(self, size_px: int) -> Preprocess:
        """Return the same spec for crops of *size_px*."""
        return self.model_copy(update={"size_px": size_px})

    @property
    def planes(self) -> int:
        """How many planes the model sees: 1 or 3."""
        return 3 if self.channels == "gray3" else 1

    def crop(
        self, gray: NDArray[np.uint8], box: Sequence[float] | None = None, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Cut *box* ``(x, y, width, height)``, in pixels, out of grey *gray* and return ``(N, N)`` uint8.

        Parts of the widened box outside the frame repeat the frame's edge. Without a box the whole image is the face
        and no margin is added: the form in which data sets of cropped faces come. *out*, ``(N, N)`` uint8, is filled
        and returned when given. Raises `BadInput` for a box that is not finite or has no area.
        """
        n = self.size_px
        patch = np.empty((n, n), np.uint8) if out is None else out
        left, top, width, height = (0.0, 0.0, *gray.shape[::-1]) if box is None else self._widened(box)
        gray, left, top, width, height = _averaged(gray, left, top, width, height, 2 * n)
        sx, sy = width / n, height / n
        # From the crop's pixel centres to the frame's.
        matrix = np.array([[sx, 0.0, left + (sx - 1) / 2], [0.0, sy, top + (sy - 1) / 2]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(gray, matrix, (n, n), dst=patch, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return self.finish(patch)

    def finish(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Do to resized *crops*, ``(N, N)`` or ``(n, N, N)`` uint8, what the spec wants besides; in place."""
        if self.equalize or self.regions or self.canny is not None:
            for crop in crops.reshape(-1, *crops.shape[-2:]):
                self._finish(crop)
        return crops

    def _finish(self, crop: NDArray[np.uint8]) -> None:
        if self.regions:
            from edge_fer.regions import keep_regions

            keep_regions(crop)
        if self.equalize:
            cv2.equalizeHist(crop, dst=crop)
        if self.canny is not None:
            cv2.Canny(crop, *self.canny, edges=crop)

    def to_values(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 *crops* of shape ``(...)`` to the model's float32 values ``(..., planes)``, as `table` says."""
        return np.take(self.table(), crops, axis=0)  # faster than an index

    def table(self) -> NDArray[np.float32]:
        """Return the ``(256, planes)`` float32 table from pixel to model value: 0 to `low`, 255 to `high`, linear."""
        values = np.linspace(self.low, self.high, 256, dtype=np.float64).reshape(256, -1)
        return np.broadcast_to(values, (256, self.planes)).astype(np.float32)

    def _widened(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        x, y, width, height = (float(v) for v in box)
        if not (np.isfinite((x, y, width, height)).all() and width > 0 and height > 0):
            raise BadInput(f"face box is {tuple(box)}; pass finite (x, y, width, height) with a positive area")
        grow = 1 + 2 * self.margin
        return x - width * self.margin, y - height * self.margin, width * grow, height * grow


def _averaged(
    gray: NDArray[np.uint8], left: float, top: float, width: float, height: float, most_px: int
) -> tuple[NDArray[np.uint8], float, float, float, float]:
    """Average blocks of the box's surroundings until the box is at most *most_px* wide and high.

    Bilinear sampling looks at four pixels only: further apart than two, it would skip some and alias.
    """
    block = int(np.ceil(max(width, height) / most_px))
    if block <= 1:
        return gray, left, top, width, height
    x0, y0 = max(0, int(left) - block), max(0, int(top) - block)
    x1 = min(gray.shape[1], int(np.ceil(left + width)) + block)
    y1 = min(gray.shape[0], int(np.ceil(top + height)) + block)
    columns, rows = (x1 - x0) // block, (y1 - y0) // block
    if columns < 1 or rows < 1:
        return gray, left, top, width, height
    region = gray[y0 : y0 + rows * block, x0 : x0 + columns * block]
    small = np.asarray(cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    return small, (left - x0) / block, (top - y0) / block, width / block, height / block
