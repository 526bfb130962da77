"""Cutting the face out of a picture of a data set as the device cuts it out of a frame."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from edge_fer.boxes import Box
from edge_fer.faces import HaarDetector
from edge_fer.preprocess import Preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE_PX: Final = 192
"""Of the cut face: twice what the largest model of the zoo but one sees."""
MIDDLE: Final = 0.7
"""Share of the shorter side that is taken, about the middle, where no face is found."""


@cache
def _detector() -> HaarDetector:
    return HaarDetector()


def cut_face(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest face in grey *picture* ``(h, w)`` as ``(192, 192)`` uint8; its middle where none is found."""
    found = _detector().search(picture)
    height, width = picture.shape
    side = MIDDLE * min(height, width)
    box = Box((width - side) / 2, (height - side) / 2, side, side)
    if found:
        box = max((face.box for face in found), key=lambda face: face.width)
    return Preprocess(size_px=SIDE_PX).crop(picture, box)
