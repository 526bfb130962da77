"""The preprocessing spec: training, calibration, benchmarks and the device all use the same `Preprocess`.

A spec consists of values, never of code, so that a bundle can carry it. It has two steps. The first cuts a face box out
of a frame and gives the uint8 crop that the classifier sees. The second maps the crop's pixels to the model's numbers
by a table of 256 entries, which a backend combines with the model's input quantization: nothing is converted on the hot
path. A spec that standardises has another such table for each crop.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import cv2
import numpy as np
from pydantic import Field, model_validator

from edge_fer.errors import BadInput
from edge_fer.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_SIDE_PX: Final = 16_384
"""Longest side of a frame. OpenCV's warpAffine takes less than 32,768 pixels."""
Value = Annotated[float, Field(allow_inf_nan=False)]


def to_gray(frame: NDArray[Any]) -> NDArray[np.uint8]:
    """Return *frame* as grey ``(height, width)`` uint8. A frame that already is grey uint8 is returned itself.

    Shapes: ``(height, width)`` or ``(height, width, 1 | 3 | 4)`` for grey, BGR, BGRA, OpenCV's order. Dtypes: uint8;
    uint16 (full range); bool; floats in [0, 1]. Raises `BadInput` for anything else, for empty frames and for NaN.
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
        return (frame >> 8).astype(np.uint8)  # the upper byte
    if frame.dtype.kind == "f":
        low = float(frame.min())
        high = float(frame.max())
        # Written so that NaN, which compares false, is refused as well.
        if not (low >= 0.0 and high <= 1.0):
            raise BadInput(f"float frame spans {low:g} to {high:g}; floats must lie in [0, 1], without NaN")
        return np.rint(frame * 255.0).astype(np.uint8)
    raise BadInput(f"frame has dtype {frame.dtype}; pass uint8, uint16, bool, or floats in [0, 1]")


class Preprocess(Frozen):
    """How a face box in a frame becomes the input of a model. Every manifest holds one."""

    size_px: Annotated[int, Field(ge=8, le=512)] = 96
    """Side N of the square N x N crop."""
    channels: Literal["gray", "gray3"] = "gray"
    """The model's input: one grey channel, or three that hold the same grey image, for models made for colour."""
    margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """By how much the face box is widened on each side before it is cropped, as a fraction of its size."""
    interpolation: Literal["bilinear"] = "bilinear"
    """How pixels are resampled. A face more than twice as large as the crop is averaged down first."""
    equalize: bool = False
    """Whether the crop's histogram is equalised, as in Istiqomah et al., JAIC 2024."""
    canny: tuple[Value, Value] | None = None
    """Lower and upper threshold of Canny's edge detector. The model then sees the edges, 255 on 0, not the pixels
    (Istiqomah et al., JAIC 2024, Algorithm 1, after equalising)."""
    regions: bool = False
    """Whether all of the face but eyes, nose and mouth is replaced by its mean grey (section II.D there)."""
    low: Value | tuple[Value, Value, Value] = 0.0
    """Model value of pixel 0; three values if each channel is normalised by a mean and deviation of its own."""
    high: Value | tuple[Value, Value, Value] = 1.0
    """Model value of pixel 255, or of each channel."""
    standardize: bool = False
    """Whether a crop's model values are its pixels minus their mean, divided by their standard deviation (but by 1 / N
    at least), as ``tf.image.per_image_standardization`` computes them. `low` and `high` keep their defaults then."""

    @model_validator(mode="after")
    def _consistent(self) -> Preprocess:
        if self.planes == 1 and (isinstance(self.low, tuple) or isinstance(self.high, tuple)):
            raise ValueError("a range for each channel needs channels 'gray3'")
        if self.standardize and (self.low, self.high) != (0.0, 1.0):
            raise ValueError("a standardised crop has no low and high of its own")
        return self

    def at(self, size_px: int) -> Preprocess:
        """Return the same spec for crops of *size_px*."""
        return self.model_copy(update={"size_px": size_px})

    @property
    def planes(self) -> int:
        """Number of channels of the model's input: 1 or 3."""
        return 3 if self.channels == "gray3" else 1

    def crop(
        self, gray: NDArray[np.uint8], box: Sequence[float] | None = None, out: NDArray[np.uint8] | None = None,
        roll_deg: float = 0.0,
    ) -> NDArray[np.uint8]:  # fmt: skip
        """Cut *box* ``(x, y, width, height)``, in pixels, out of grey *gray* and return ``(N, N)`` uint8.

        A face that is tilted by *roll_deg*, clockwise, is levelled about the middle of its box. Parts of the widened
        box outside the frame repeat the frame's edge. Without a box, the whole image is the face and no margin is
        added, which suits data sets of cropped faces. If *out*, ``(N, N)`` uint8, is given, it is filled and returned.
        Raises `BadInput` for a box that is not finite or has no area.
        """
        side = self.size_px
        crop = np.empty((side, side), np.uint8) if out is None else out
        if box is None:
            left = top = 0.0
            height, width = map(float, gray.shape)
        else:
            left, top, width, height = self._widened(box)
        cos = math.cos(math.radians(roll_deg))
        sin = math.sin(math.radians(roll_deg))
        # A tilted square reaches further than an upright one.
        reach = (abs(cos) + abs(sin) - 1) / 2
        gray, left, top, width, height = _averaged(gray, left, top, width, height, 2 * side, reach)
        scale_x = width / side
        scale_y = height / side
        # Maps the centres of the crop's pixels into the frame. A pixel's centre lies half a pixel from its corner, in
        # the crop as in the frame, hence the 1 / 2.
        middle = (side - 1) / 2
        x_axis = scale_x * cos, -scale_y * sin
        y_axis = scale_x * sin, scale_y * cos
        x = left + (width - 1) / 2 - middle * sum(x_axis)
        y = top + (height - 1) / 2 - middle * sum(y_axis)
        matrix = np.array([[*x_axis, x], [*y_axis, y]])
        # Beyond the frame its edge is repeated; black would add edges that no data set of faces has.
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(gray, matrix, (side, side), dst=crop, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return self.finish(crop)

    def finish(self, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Apply `regions`, `equalize` and `canny` to resized *crops*, ``(N, N)`` or ``(n, N, N)`` uint8, in place."""
        if self.equalize or self.regions or self.canny is not None:
            # As a stack, one crop and many are treated alike.
            for crop in crops.reshape(-1, *crops.shape[-2:]):
                self._finish(crop)
        return crops

    def _finish(self, crop: NDArray[np.uint8]) -> None:
        # The order is part of the spec: another order would give other crops.
        if self.regions:
            # Imported here: no shipped model needs the cascades.
            from edge_fer.regions import keep_regions

            keep_regions(crop)
        if self.equalize:
            cv2.equalizeHist(crop, dst=crop)
        if self.canny is not None:
            cv2.Canny(crop, *self.canny, edges=crop)

    def to_values(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 *crops*, ``(..., N, N)``, to the model's float32 values ``(..., N, N, planes)``.

        If the spec does not standardise, any array of pixels is mapped, by `table`.
        """
        if not self.standardize:
            return np.take(self.table(), crops, axis=0)  # faster than indexing
        values = np.empty((*crops.shape, self.planes), np.float32)
        each = zip(crops.reshape(-1, *crops.shape[-2:]), values.reshape(-1, *values.shape[-3:]), strict=True)
        for crop, out in each:
            np.take(self.table_of(crop), crop, axis=0, out=out)
        return values

    def table_of(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the ``(256, planes)`` float32 table of model values for the pixels of *crop*, ``(N, N)`` uint8."""
        if not self.standardize:
            return self.table()
        mean, deviation = cv2.meanStdDev(crop)
        values = (np.arange(256) - mean[0, 0]) / max(deviation[0, 0], 1 / crop.shape[0])
        return np.broadcast_to(values.reshape(256, 1), (256, self.planes)).astype(np.float32)

    def table(self) -> NDArray[np.float32]:
        """Return the ``(256, planes)`` float32 table of model values: linear from `low` at 0 to `high` at 255.

        Of a spec that standardises, it is the table of no crop: see `table_of`.
        """
        # In float64, so that each value is rounded only once.
        values = np.linspace(self.low, self.high, 256, dtype=np.float64).reshape(256, -1)
        return np.broadcast_to(values, (256, self.planes)).astype(np.float32)

    def _widened(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        x, y, width, height = (float(v) for v in box)
        if not (np.isfinite((x, y, width, height)).all() and width > 0 and height > 0):
            raise BadInput(f"face box is {tuple(box)}; pass finite (x, y, width, height) with a positive area")
        growth = 1 + 2 * self.margin
        return x - width * self.margin, y - height * self.margin, width * growth, height * growth


def _averaged(
    gray: NDArray[np.uint8], left: float, top: float, width: float, height: float, max_px: int, reach: float
) -> tuple[NDArray[np.uint8], float, float, float, float]:
    """Average blocks of pixels so that the box is at most *max_px* wide and high. Return the image and the box in it.

    *reach* is how much around the box is needed, too, as a share of its size on each side.

    Bilinear sampling reads four pixels for each of the crop. If the crop's pixels lay more than two of the frame's
    apart, some of these would never be read, and fine patterns would alias.
    """
    block = int(np.ceil(max(width, height) / max_px))
    if block <= 1:
        return gray, left, top, width, height
    # A block more on each side, so that the crop's edge is averaged from the same neighbours as its middle.
    x0 = max(0, int(left - reach * width) - block)
    y0 = max(0, int(top - reach * height) - block)
    x1 = min(gray.shape[1], math.ceil(left + (1 + reach) * width) + block)
    y1 = min(gray.shape[0], math.ceil(top + (1 + reach) * height) + block)
    columns = (x1 - x0) // block
    rows = (y1 - y0) // block
    if columns < 1 or rows < 1:  # almost all of the box lies outside the frame
        return gray, left, top, width, height
    region = gray[y0 : y0 + rows * block, x0 : x0 + columns * block]
    small = np.asarray(cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    return small, (left - x0) / block, (top - y0) / block, width / block, height / block
