"""What keeps a camera from seeing the driver: too little or too much light, something in front of it, sunglasses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer import advice
from edge_fer.driving.observation import Hindrance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

SIDE_PX: Final = 60
"""Shorter side to which a frame is reduced before its contours are judged: noise goes, and what is large stays."""
DARK_P90: Final = 40
"""At a dark place, all but 10 % of the pixels are no brighter. Of the 12 drawn drivers of
`benchmarks/driving/detector_noise.py`, two are lost: their faces have 26 and 37, the others' 52 and more."""
FLAT: Final = 6.0
"""Standard deviation of the grey levels below which such a frame shows nothing: something covers the camera."""
EYES: Final = (0.28, 0.46)
"""Where the eyes are in the box of a frontal face, from top to bottom, as shares of its height."""
CHEEKS: Final = (0.54, 0.70)
ACROSS: Final = (0.18, 0.82)
"""Left and right end of both, as shares of the width."""
SUNGLASSES: Final = 0.45
"""Least brightness of the band of the eyes, relative to that of the cheeks, without sunglasses."""

LIGHT: Final = {advice.Reason.DARK: Hindrance.DARK, advice.Reason.WHITE: Hindrance.OVEREXPOSED}


def hindrance(gray: NDArray[np.uint8], place: Box | None = None) -> Hindrance | None:
    """Return why nobody can be seen in the grey ``(height, width)`` uint8 frame *gray*; None if one could be.

    *place* is where the driver's face was seen last, in little light: it may be dark there before the windows are.
    """
    light = advice.light(gray)
    if light is not None:
        return LIGHT[light]
    if place is not None and brightness(gray, place) <= DARK_P90:
        return Hindrance.DARK
    scale = SIDE_PX / min(gray.shape)
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Hindrance.COVERED if float(small.std()) < FLAT else None


def brightness(gray: NDArray[np.uint8], place: Box) -> float:
    """Return the grey level that 90 % of the pixels at *place* do not exceed; 255 outside of the frame."""
    left, top, right, bottom = place.pixels(gray.shape)
    part = gray[top:bottom, left:right]
    return float(np.percentile(part, 90)) if part.size else 255.0


def wears_sunglasses(gray: NDArray[np.uint8], face: Box) -> bool:
    """Return whether the eyes of the frontal *face* in *gray* are much darker than its cheeks."""
    cheeks = _brightness(gray, face, CHEEKS)
    return cheeks > 0 and _brightness(gray, face, EYES) < SUNGLASSES * cheeks


def _brightness(gray: NDArray[np.uint8], face: Box, rows: tuple[float, float]) -> float:
    """Return the mean grey level of a band of *face*; 0 outside of the frame."""
    band = face._replace(
        x=face.x + ACROSS[0] * face.width,
        width=(ACROSS[1] - ACROSS[0]) * face.width,
        y=face.y + rows[0] * face.height,
        height=(rows[1] - rows[0]) * face.height,
    )
    left, top, right, bottom = band.pixels(gray.shape)
    part = gray[top:bottom, left:right]
    return float(part.mean()) if part.size else 0.0
