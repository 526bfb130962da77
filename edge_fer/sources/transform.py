"""Frames that are turned, mirrored or cut before anything else sees them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer.errors import SourceError
from edge_fer.sources import SourceBase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer.sources import Frame, Source
    from edge_fer.sources.options import Region, View

log = logging.getLogger(__name__)

TURNS: Final = (None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
"""OpenCV's code for each number of quarter turns, clockwise."""
FLIPS: Final = {"h": 1, "v": 0}
"""OpenCV's code for mirroring left to right, and top to bottom."""


class Transformed(SourceBase):
    """The frames of another source, turned, then mirrored, then cut. Their truth is left out: it would be elsewhere.

    The picture of a frame is valid until the next one is asked for.
    """

    def __init__(self, source: Source, view: View) -> None:
        self._source = source
        self._view = view
        self._turned: NDArray[Any] | None = None
        self._flipped: NDArray[Any] | None = None
        self._outside = 0

    @property
    def stills(self) -> bool:  # type: ignore[override]
        """As of the source behind."""
        return self._source.stills

    @property
    def live(self) -> bool:  # type: ignore[override]
        """Those of the source."""
        return self._source.live

    @property
    def dropped(self) -> int:  # type: ignore[override]
        """As of the source behind."""
        return self._source.dropped

    @property
    def skipped(self) -> int:  # type: ignore[override]
        """As of the source behind, and the frames in which the region does not lie."""
        return self._source.skipped + self._outside

    def frames(self) -> Iterator[Frame]:
        """Yield the frames. Raises `SourceError` if the region lies in none of the first ones."""
        delivered = False
        for frame in self._source.frames():
            image = self._transform(frame)
            if image is None:
                height, width = (side * frame.reduced for side in frame.image.shape[:2])
                message = f"--roi {self._view.roi} does not lie in the picture of {width}x{height} pixels"
                if not delivered and not self.stills:
                    raise SourceError(f"{message}; choose a smaller one, or shares such as 0.25,0.25,0.5,0.5")
                self._pass_over(frame, message)
                continue
            delivered = True
            yield replace(frame, image=image, truth=())
        if self.stills and not delivered and self._outside:
            raise SourceError(f"--roi {self._view.roi} lies in none of the {self._outside} pictures")

    def close(self) -> None:
        """Close the source behind."""
        self._source.close()

    def _pass_over(self, frame: Frame, message: str) -> None:
        # Of a stream that changed its size, one line is enough.
        if self._outside == 0 or self.stills:
            log.warning("skipped: %s: %s", frame.name, message)
        self._outside += 1

    def _transform(self, frame: Frame) -> NDArray[Any] | None:
        image = frame.image
        if self._view.rotate:
            # Into the same buffer each time; OpenCV makes another one when the size changes.
            self._turned = turned(image, self._view.rotate, _fitting(self._turned, image))
            image = self._turned
        if self._view.flip:
            self._flipped = cv2.flip(image, FLIPS[self._view.flip], dst=_fitting(self._flipped, image))
            image = self._flipped
        return image if self._view.roi is None else cut(image, self._view.roi, frame.reduced)


def turned(image: NDArray[Any], degrees: float, into: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return *image* turned clockwise by the quarter turn nearest to *degrees*: *image* itself if that is none.

    The buffer *into* is used if it has the size and type of the result.
    """
    code = TURNS[round(degrees / 90) % 4]
    return image if code is None else cv2.rotate(image, code, dst=into)


def _fitting(buffer: NDArray[Any] | None, image: NDArray[Any]) -> NDArray[Any] | None:
    """Return *buffer* if it has the type of *image*."""
    return buffer if buffer is not None and buffer.dtype == image.dtype and buffer.ndim == image.ndim else None


def cut(image: NDArray[Any], region: Region, reduced: int = 1) -> NDArray[Any] | None:
    """Return *region* of *image* as a view, as far as it lies in it; None if it does not.

    *region* counts in pixels of the picture that *image* was decoded from, *reduced* times smaller.
    """
    height, width = image.shape[:2]
    across, down = (width, height) if region.is_share else (1 / reduced, 1 / reduced)
    left, right = region.x * across, (region.x + region.width) * across
    top, bottom = region.y * down, (region.y + region.height) * down
    rows = slice(max(0, round(top)), min(height, round(bottom)))
    columns = slice(max(0, round(left)), min(width, round(right)))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return np.asarray(image[rows, columns])
