"""Scaling parts of a frame down, fast.

Halving is the one way of scaling down for which OpenCV has fast code: ten times as fast as to any other share. So what
is scaled to less than half is halved first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def halvings(scale: float) -> int:
    """Return how often a picture may be halved before it is scaled further down, in all by *scale*."""
    count = 0
    while scale <= 0.5:
        scale *= 2
        count += 1
    return count


def halved(gray: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Return grey ``(height, width)`` *gray* halved *count* times, without the rows and columns that are left over.

    Each pixel is the mean of those that it stands for. The result is empty if *gray* has too few.
    """
    for _ in range(count):
        height = gray.shape[0] // 2
        width = gray.shape[1] // 2
        if not height or not width:
            return np.empty((0, 0), np.uint8)
        # Without an odd last row or column: only exact halves are fast.
        even = gray[: 2 * height, : 2 * width]
        gray = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return gray
