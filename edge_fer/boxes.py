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
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        high = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if wide <= 0 or high <= 0:
            return 0.0
        shared = wide * high
        return shared / (self.width * self.height + other.width * other.height - shared)

    def toward(self, other: Box, weight: float) -> Box:
        """Return the box that lies *weight*, in [0, 1], of the way to *other*."""
        return Box(*(a + weight * (b - a) for a, b in zip(self, other, strict=True)))

    def grown(self, fraction: float) -> Box:
        """Return the box widened on each side by *fraction* of its size."""
        wide, high = self.width * fraction, self.height * fraction
        return Box(self.x - wide, self.y - high, self.width + 2 * wide, self.height + 2 * high)

    def pixels(self, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the pixels that it touches in a frame of *shape* (height, width).

        Right and bottom are not among them; they lie left of or above the others where it touches none.
        """
        left, top = max(0, math.floor(self.x)), max(0, math.floor(self.y))
        right, bottom = math.ceil(self.x + self.width), math.ceil(self.y + self.height)
        return left, top, min(shape[1], right), min(shape[0], bottom)
