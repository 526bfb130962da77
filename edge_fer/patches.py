"""Template matching: find a face again by how it looked a moment ago, without a detector.

A cascade spends most of its time where there is a face, since there dozens of windows pass all of its stages. If the
face only moved, one normalised correlation over a few hundred pixels finds it more than ten times faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

SIDE_PX: Final = 24
"""Approximate side of a patch."""
MIN_CONTRAST: Final = 4.0
"""Least standard deviation of a patch's pixels: an even patch would match everywhere."""
MIN_CORRELATION: Final = 0.9
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
        """Return how *box* looks in grey ``(height, width)`` uint8 *gray*; None if nothing distinct is there."""
        cutout = _cut_out(gray, box, box.width)
        if cutout is None or cutout.pixels.std() < MIN_CONTRAST:
            return None
        return cls(cutout.pixels, box.x - cutout.x, box.y - cutout.y)

    def find(self, gray: NDArray[np.uint8], last: Box) -> Box | None:
        """Return *last* moved to the place of the face in *gray*; None if nothing near it looks the same."""
        cutout = _cut_out(gray, last.grown(REACH), last.width)
        if cutout is None:
            return None
        height, width = cutout.pixels.shape
        if height < self.pixels.shape[0] or width < self.pixels.shape[1]:
            return None  # at the edge of the frame the patch no longer fits
        correlation = np.asarray(cv2.matchTemplate(cutout.pixels, self.pixels, cv2.TM_CCOEFF_NORMED), np.float32)
        _, best, _, (column, row) = cv2.minMaxLoc(correlation)
        # Written so that NaN, the correlation with an even region, is refused as well.
        if not best >= MIN_CORRELATION:
            return None
        # Between the pixels of the cutout, each of which is several pixels of the frame.
        peak_x = column + _peak_offset(correlation[row], column)
        peak_y = row + _peak_offset(correlation[:, column], row)
        x = cutout.x + peak_x / cutout.scale_x
        y = cutout.y + peak_y / cutout.scale_y
        return last._replace(x=x + self.left, y=y + self.top)


def _cut_out(gray: NDArray[np.uint8], box: Box, width: float) -> _Cutout | None:
    """Cut *box* out of *gray* and scale it as a face of *width* is scaled to `SIDE_PX`; None outside the frame."""
    x0, y0, x1, y1 = box.pixels(gray.shape)
    if x1 <= x0 or y1 <= y0:
        return None
    scale = SIDE_PX / width
    columns = max(1, round((x1 - x0) * scale))
    rows = max(1, round((y1 - y0) * scale))
    pixels = cv2.resize(gray[y0:y1, x0:x1], (columns, rows), interpolation=cv2.INTER_AREA)
    # Without the blur, a movement of half a pixel would already lower the correlation of a face with itself.
    soft = cv2.GaussianBlur(pixels, (3, 3), 0)
    return _Cutout(np.asarray(soft, np.uint8), x0, y0, columns / (x1 - x0), rows / (y1 - y0))


def _peak_offset(values: NDArray[np.float32], peak: int) -> float:
    """Return the offset, in (-1, 1), from *peak* to the vertex of the parabola through it and its neighbours."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, at, after = values[peak - 1 : peak + 2].tolist()
    curvature = before - 2 * at + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0
