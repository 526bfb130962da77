"""Frames in other sizes and levelled, as detectors look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIE_BREAK: Final = 1e-6
"""Added to means of pixels: one half is rounded up then, also where its last bit is another."""


def scaled(gray: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return grey ``(height, width)`` uint8 *gray* in *scale* times the size, of a pixel at least."""
    if scale == 1.0:
        return gray
    height, width = gray.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale > 1.0:
        return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    # INTER_AREA averages the pixels; bilinear resampling would skip some and alias. In float64, since the means that
    # OpenCV computes in float32 are rounded to other pixels on other CPUs, and a cascade then finds other faces.
    means = np.asarray(cv2.resize(gray.astype(np.float64), size, interpolation=cv2.INTER_AREA), np.float64)
    return np.asarray(cv2.convertScaleAbs(means + TIE_BREAK), np.uint8)


def levelled(gray: NDArray[np.uint8], roll_deg: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return *gray* turned so that a face tilted by *roll_deg* is upright, and the ``(2, 3)`` matrix that turns back.

    A roll of 0 returns *gray* itself.
    """
    if roll_deg == 0:
        return gray, np.eye(2, 3)
    height, width = gray.shape
    # OpenCV's angles are counter-clockwise, against the face's tilt.
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), roll_deg, 1.0)
    turned = cv2.warpAffine(gray, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(turn), np.float64)
