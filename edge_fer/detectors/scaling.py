"""Frames in other sizes, as detectors look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def scaled(gray: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return grey ``(height, width)`` uint8 *gray* in *scale* times the size, of a pixel at least."""
    if scale == 1.0:
        return gray
    height, width = gray.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # INTER_AREA averages the pixels; bilinear resampling would skip some and alias.
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, size, interpolation=method), np.uint8)
