"""Rectangles in a frame."""

from __future__ import annotations

import math
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle in a frame: top left corner and size, in pixels of the frame, not rounded."""

    x: float
    y: float
    width: float
    height: float

    def iou(self, other: Box) -> float:
        """Return intersection over union, in [0, 1]."""
        shared_width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        shared_height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        # Without this, two boxes that are apart in both directions would share a positive area.
        if shared_width <= 0 or shared_height <= 0:
            return 0.0
        shared = shared_width * shared_height
        return shared / (self.width * self.height + other.width * other.height - shared)

    def toward(self, other: Box, weight: float) -> Box:
        """Return the box that lies between this one and *other*: *weight* 0 is this one, 1 the other."""
        return Box(*(a + weight * (b - a) for a, b in zip(self, other, strict=True)))

    def times(self, factor: float) -> Box:
        """Return the box in a frame of *factor* times the width and height."""
        return self if factor == 1 else Box(*(factor * value for value in self))

    def moved(self, x: float, y: float) -> Box:
        """Return the box moved to the right by *x* and down by *y*."""
        return self._replace(x=self.x + x, y=self.y + y)

    def grown(self, fraction: float) -> Box:
        """Return the box widened on each side by *fraction* of its size."""
        by_x = self.width * fraction
        by_y = self.height * fraction
        return Box(self.x - by_x, self.y - by_y, self.width + 2 * by_x, self.height + 2 * by_y)

    def pixels(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the pixels that the box touches in a frame of *shape* (height, width).

        Right and bottom are the first pixels beyond them. If it touches none, right <= left or bottom <= top.
        """
        # Outwards, so that a pixel which the box covers in part is among them.
        left = max(0, math.floor(self.x))
        top = max(0, math.floor(self.y))
        right = min(shape[1], math.ceil(self.x + self.width))
        bottom = min(shape[0], math.ceil(self.y + self.height))
        return left, top, right, bottom
