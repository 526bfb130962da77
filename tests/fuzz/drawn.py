"""A drawn face, as pixels and as files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_fer.sources.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from numpy.typing import NDArray


@cache
def face() -> NDArray[np.uint8]:
    """Return a grey frame of 320x240 with one face, ``(240, 320)``."""
    frame = SyntheticCamera(width_px=320, height_px=240).frame(0)
    return np.asarray(cv2.medianBlur(frame.image, 5), np.uint8)  # without its noise, a kept case is a third as large


@cache
def face_png() -> bytes:
    """Return the same as a PNG."""
    return cv2.imencode(".png", face())[1].tobytes()
