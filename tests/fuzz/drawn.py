"""A drawn face, as pixels and as files."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_fer.sources.synthetic import SyntheticCamera


@cache
def face() -> NDArray[np.uint8]:
    """Return a grey frame of 320x240 with one face, ``(240, 320)``."""
    return np.asarray(SyntheticCamera(width_px=320, height_px=240).frame(0).image, np.uint8)


@cache
def face_png() -> bytes:
    """Return the same as a PNG."""
    return cv2.imencode(".png", face())[1].tobytes()
