"""Eyes, nose and mouth within a face, by OpenCV's Haar cascades (Istiqomah et al., JAIC 2024, section II.D)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.faces import cascade_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Box = tuple[int, int, int, int]

SEARCHED_PX: Final = 128
"""Side to which a face is scaled to be searched: the cascades' windows are 20 to 36 pixels wide."""

PLACES: Final = {
    "left eye": (0.12, 0.22, 0.34, 0.24),
    "right eye": (0.54, 0.22, 0.34, 0.24),
    "nose": (0.34, 0.40, 0.32, 0.30),
    "mouth": (0.24, 0.66, 0.52, 0.28),
}
"""Where they are in a frontal face, x, y, width, height as shares of the box: taken where a cascade finds nothing, and
for the nose, for which OpenCV's package has no cascade."""


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(cascade_path(name)))


def find_regions(face: NDArray[np.uint8]) -> dict[str, Box]:
    """Return the regions of grey *face* ``(N, N)`` uint8 as x, y, width, height in its pixels."""
    side = face.shape[0]
    large = cv2.resize(face, (SEARCHED_PX, SEARCHED_PX), interpolation=cv2.INTER_LINEAR)
    upper, lower = large[: SEARCHED_PX * 6 // 10], large[SEARCHED_PX // 2 :]
    found = {name: np.array(place) * SEARCHED_PX for name, place in PLACES.items()}
    for x, y, width, height in _cascade("haarcascade_eye.xml").detectMultiScale(upper, 1.1, 4):
        eye = "left eye" if x + width / 2 < SEARCHED_PX / 2 else "right eye"
        found[eye] = np.array([x, y, width, height], float)
    mouths = _cascade("haarcascade_smile.xml").detectMultiScale(lower, 1.1, 12)
    if len(mouths):
        x, y, width, height = max(mouths, key=lambda box: box[2])
        found["mouth"] = np.array([x, y + SEARCHED_PX // 2, width, height], float)
    scale = side / SEARCHED_PX
    boxes: dict[str, Box] = {}
    for name, box in found.items():
        left, top, width, height = (round(float(value)) for value in box * scale)
        boxes[name] = (left, top, width, height)
    return boxes


def keep_regions(face: NDArray[np.uint8]) -> None:
    """Replace all of grey *face* ``(N, N)`` uint8 but its regions by its mean, in place."""
    kept = np.zeros(face.shape, np.bool_)
    for left, top, width, height in find_regions(face).values():
        kept[max(0, top) : top + height, max(0, left) : left + width] = True
    face[~kept] = round(float(face.mean()))
