"""Where a frame has changed since it was searched, whatever the light and the sensor's noise do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.tracking.scaling import halved, halvings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

COLUMNS: Final = 80
"""Least number of blocks across a frame, which is halved as often as it leaves so many. One of 640 pixels has blocks of
8x8, which average the sensor's noise to an eighth."""
SURROUNDINGS: Final = 5
"""Side, in blocks, of the surroundings whose mean is taken from each block: light that changes evenly cancels out."""
MIN_CHANGE: Final = 5.0
"""Least change of a block against its surroundings, in grey levels, that is no noise."""
MAX_GAIN: Final = 0.25
"""Change that light alone may make, as a share of a block's contrast against its surroundings."""
MARGIN: Final = 2
"""How many blocks around those that changed are searched, too."""
HEAD: Final = 0.4
"""How much around a known face moves with it, as a share of its size on each side."""
MOST: Final = 0.5
"""Share of the frame above which all of it is searched: one search costs less than many that overlap."""
CALM_S: Final = 2.0
"""After this time without a search, a place that changes is searched at once again."""


class Changes:
    """Remembers each block of the frame as it was when it was searched last.

    A place that changes all the time, and where nothing is ever found, is searched after growing pauses, from
    *first_pause_s* to *last_pause_s*.
    """

    def __init__(self, first_pause_s: float, last_pause_s: float) -> None:
        self.changed_s = -math.inf
        """When anything but the known faces was last seen to have changed."""
        self._first_pause_s = first_pause_s
        self._last_pause_s = last_pause_s
        self._searched = np.empty((0, 0), np.float32)
        self._searched_s = np.empty((0, 0), np.float64)
        self._pause_s = np.empty((0, 0), np.float64)

    def reset(self) -> None:
        """Forget all frames: everything in the next one is new."""
        self._searched = np.empty((0, 0), np.float32)

    def regions(
        self, gray: NDArray[np.uint8], time_s: float, known: Iterable[Box], min_side_px: float
    ) -> list[Box]:  # fmt: skip
        """Return the parts of *gray* that should be searched at *time_s*.

        They are taken as searched. What changes in and around the *known* faces does not count, nor what is smaller
        than *min_side_px*.
        """
        blocks = _blocks(gray)
        if self._searched.shape != blocks.shape:
            self._begin(blocks, time_s)
            return [_whole(gray)]
        limit = MIN_CHANGE + MAX_GAIN * np.abs(self._searched)
        changed = np.abs(blocks - self._searched) > limit
        width_px = gray.shape[1] / blocks.shape[1]
        height_px = gray.shape[0] / blocks.shape[0]
        for box in known:
            changed[_within(box.grown(HEAD), width_px, height_px, blocks.shape)] = False
        if changed.any():
            self.changed_s = time_s
        changed &= time_s - self._searched_s >= self._pause_s
        if not changed.any():
            return []
        areas = _areas(changed, min_side_px / width_px, min_side_px / height_px)
        if sum(area.width * area.height for area in areas) > MOST * blocks.size:
            areas = [Box(0, 0, blocks.shape[1], blocks.shape[0])]
        for area in areas:
            self._take(blocks, _slices(area), time_s)
        return [_in_pixels(area, width_px, height_px) for area in areas]

    def searched(self, gray: NDArray[np.uint8], time_s: float) -> None:
        """Take all of *gray* as searched at *time_s*."""
        blocks = _blocks(gray)
        if self._searched.shape != blocks.shape:
            self._begin(blocks, time_s)
        else:
            self._searched = blocks

    def _begin(self, blocks: NDArray[np.float32], time_s: float) -> None:
        self.changed_s = time_s
        self._searched = blocks
        self._searched_s = np.full(blocks.shape, time_s)
        self._pause_s = np.full(blocks.shape, self._first_pause_s)

    def _take(self, blocks: NDArray[np.float32], area: tuple[slice, slice], time_s: float) -> None:
        calm = time_s - self._searched_s[area] > CALM_S
        longer = np.minimum(2 * self._pause_s[area], self._last_pause_s)
        self._pause_s[area] = np.where(calm, self._first_pause_s, longer)
        self._searched_s[area] = time_s
        self._searched[area] = blocks[area]


def _blocks(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean of each block of *gray* against that of its surroundings."""
    # No more often than leaves a row, however wide the frame is.
    scale = max(COLUMNS / gray.shape[1], 1 / gray.shape[0])
    means = halved(gray, halvings(scale)).astype(np.float32)
    around = cv2.blur(means, (SURROUNDINGS, SURROUNDINGS), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(means - around, np.float32)


def _areas(changed: NDArray[np.bool_], min_width: float, min_height: float) -> list[Box]:
    """Return boxes, in blocks, around what *changed*, unless it is smaller than a face."""
    side = 2 * MARGIN + 1
    near = cv2.dilate(changed.astype(np.uint8), np.ones((side, side), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(near)
    areas = []
    for x, y, width, height, _ in stats[1:].tolist():  # the first one is what did not change
        if width - 2 * MARGIN >= min_width and height - 2 * MARGIN >= min_height:
            areas.append(Box(x, y, width, height))
    return areas


def _within(box: Box, width_px: float, height_px: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    in_blocks = Box(box.x / width_px, box.y / height_px, box.width / width_px, box.height / height_px)
    left, top, right, bottom = in_blocks.pixels(shape)
    return slice(top, max(top, bottom)), slice(left, max(left, right))


def _slices(area: Box) -> tuple[slice, slice]:
    return slice(int(area.y), int(area.y + area.height)), slice(int(area.x), int(area.x + area.width))


def _in_pixels(area: Box, width_px: float, height_px: float) -> Box:
    return Box(area.x * width_px, area.y * height_px, area.width * width_px, area.height * height_px)


def _whole(gray: NDArray[np.uint8]) -> Box:
    height, width = gray.shape
    return Box(0, 0, width, height)
