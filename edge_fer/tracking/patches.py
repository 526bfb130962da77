"""Template matching: find a face again by how it looked a moment ago, without a detector.

A cascade spends most of its time where there is a face, since there dozens of windows pass all of its stages. If the
face only moved, one normalised correlation over a few hundred pixels finds it more than ten times faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

from edge_fer.tracking.scaling import halved, halvings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

SIDE_PX: Final = 24
"""Approximate side of a patch."""
MIN_CONTRAST: Final = 4.0
"""Least standard deviation of a patch's pixels: an even patch would match everywhere."""
SAME_LOOKS: Final = 0.9
"""Least normalised correlation at which a place is taken for the same face, not turned since."""
REACH: Final = 0.25
"""How far a face may have moved, as a share of its size."""


class _Cutout(NamedTuple):
    """A part of a frame, scaled down."""

    pixels: NDArray[np.uint8]
    x: int
    """Left edge in the frame, in pixels."""
    y: int
    scale_x: float
    """Pixels of the cutout per pixel of the frame."""
    scale_y: float


class Match(NamedTuple):
    """Where a face was found by its looks."""

    box: Box
    patch: Patch
    """How it looks there."""


@dataclass(frozen=True)
class Patch:
    """The pixels of a face, scaled down to about `SIDE_PX`, and where its box lies relative to their corner."""

    pixels: NDArray[np.uint8]
    left: float
    """Distance from the patch's left edge to that of the box, in pixels of the frame."""
    top: float
    """The same from the upper edges."""

    @classmethod
    def of(cls, gray: NDArray[np.uint8], box: Box) -> Patch | None:
        """Return how *box* looks in *gray*; None if nothing distinct is there."""
        cutout = _cut_out(gray, box, box.width)
        if cutout is None or cutout.pixels.std() < MIN_CONTRAST:
            return None
        return cls(cutout.pixels, box.x - cutout.x, box.y - cutout.y)

    def find(
        self, gray: NDArray[np.uint8], last: Box, at_least: float = SAME_LOOKS, reach: float = REACH
    ) -> Match | None:  # fmt: skip
        """Return where the face that was at *last* is in *gray*; None if nothing near it looks the same.

        *at_least* is the least correlation that counts, *reach* how far it is looked for, as a share of its size.
        """
        cutout = _cut_out(gray, last.grown(reach), last.width)
        if cutout is None:
            return None
        height, width = self.pixels.shape
        if cutout.pixels.shape[0] < height or cutout.pixels.shape[1] < width:
            return None  # at the edge of the frame the patch no longer fits
        correlation = _correlation(cutout.pixels, self.pixels)
        _, best, _, (column, row) = cv2.minMaxLoc(correlation)
        if best < at_least:
            return None
        # Between the pixels of the cutout, each of which is several pixels of the frame.
        peak_x = column + _peak_offset(correlation[row], column)
        peak_y = row + _peak_offset(correlation[:, column], row)
        x = cutout.x + peak_x / cutout.scale_x
        y = cutout.y + peak_y / cutout.scale_y
        box = last._replace(x=x + self.left, y=y + self.top)
        # The patch as it looks now costs nothing here: its pixels have been cut out already.
        pixels = cutout.pixels[row : row + height, column : column + width]
        left = box.x - cutout.x - column / cutout.scale_x
        top = box.y - cutout.y - row / cutout.scale_y
        return Match(box, Patch(pixels, left, top))

    def likeness(self, other: Patch) -> float:
        """Return the normalised correlation with *other*, in [-1, 1]."""
        height, width = self.pixels.shape
        pixels = np.asarray(cv2.resize(other.pixels, (width, height), interpolation=cv2.INTER_LINEAR_EXACT), np.uint8)
        return float(_correlation(pixels, self.pixels)[0, 0])


def _cut_out(gray: NDArray[np.uint8], box: Box, width: float) -> _Cutout | None:
    """Cut *box* out of *gray* and scale it as a face of *width* is scaled to `SIDE_PX`; None outside the frame."""
    scale = SIDE_PX / width
    count = halvings(scale)
    step = 2**count
    x0, y0, x1, y1 = box.pixels(gray.shape)
    if x1 <= x0 or y1 <= y0:
        return None  # a negative end would count from the other side of the frame
    part = halved(gray[y0:y1, x0:x1], count)
    if not part.size:
        return None
    height, width_px = part.shape
    columns = max(1, round(width_px * step * scale))
    rows = max(1, round(height * step * scale))
    pixels = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_LINEAR_EXACT)
    # Without the blur, a movement of half a pixel would already lower the correlation of a face with itself.
    soft = np.asarray(cv2.GaussianBlur(pixels, (3, 3), 0), np.uint8)
    return _Cutout(soft, x0, y0, columns / (width_px * step), rows / (height * step))


def _correlation(pixels: NDArray[np.uint8], patch: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the normalised correlation of *patch* with each place of *pixels*, the same on every CPU.

    OpenCV's own, ``TM_CCOEFF_NORMED``, differs between CPUs by up to 0.001. Its sums of squared differences do not:
    they are whole numbers, and the correlation follows from them. 0 where *pixels* or *patch* are even.
    """
    height, width = patch.shape
    count = height * width
    differences = np.rint(cv2.matchTemplate(pixels, patch, cv2.TM_SQDIFF)).astype(np.float64)
    integral, squares_integral = cv2.integral2(pixels, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    sums = _windows(np.asarray(integral, np.float64), height, width)
    squares = _windows(np.asarray(squares_integral, np.float64), height, width)
    patch_sum = cv2.sumElems(patch)[0]
    patch_squares = cv2.norm(patch, cv2.NORM_L2SQR)
    products = (squares + patch_squares - differences) / 2
    covariances = count * products - sums * patch_sum
    variances = (count * squares - sums * sums) * (count * patch_squares - patch_sum * patch_sum)
    correlation: NDArray[np.float64] = np.zeros_like(covariances)
    np.divide(covariances, np.sqrt(variances), out=correlation, where=variances > 0)
    return correlation


def _windows(integral: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Return the sum of each window of *height* and *width*, from the integral image."""
    rows = integral[height:] - integral[:-height]
    return np.asarray(rows[:, width:] - rows[:, :-width], np.float64)


def _peak_offset(values: NDArray[np.float64], peak: int) -> float:
    """Return the offset, in (-1, 1), from *peak* to the vertex of the parabola through it and its neighbours."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, at, after = values[peak - 1 : peak + 2].tolist()
    curvature = before - 2 * at + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0
