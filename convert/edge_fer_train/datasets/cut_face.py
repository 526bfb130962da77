"""Cuts the face out of a picture as the device cuts it out of a frame."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from edge_fer.boxes import Box
from edge_fer.detectors.haar import HaarDetector
from edge_fer.preprocess import Preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE_PX: Final = 192
"""Side of the face that is cut out: twice the size that all models but VGG-Face see."""
MIDDLE: Final = 0.7
"""Side of the box about the middle where no face is found, as a share of the picture's shorter side."""


# Loaded once: the cascade is a large XML file.
@cache
def _detector() -> HaarDetector:
    return HaarDetector()


def cut_face(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest face in grey *picture* ``(h, w)`` as ``(192, 192)`` uint8; its middle where none is found."""
    boxes = [face.box for face in _detector().search(picture)]
    box = max(boxes, key=lambda box: box.width) if boxes else _middle(picture)
    return Preprocess(size_px=SIDE_PX).crop(picture, box)


def _middle(picture: NDArray[np.uint8]) -> Box:
    height, width = picture.shape
    side = MIDDLE * min(height, width)
    return Box((width - side) / 2, (height - side) / 2, side, side)
