"""Eyes, nose and mouth of a face, found with OpenCV's Haar cascades (Istiqomah et al., JAIC 2024, section II.D)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer.cascades import cascade_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    PixelBox = tuple[int, int, int, int]

SEARCHED_PX: Final = 128
"""Side to which a face is scaled for the search: the cascades' windows are 20 to 36 pixels wide."""

PLACES: Final = {
    "left eye": (0.12, 0.22, 0.34, 0.24),
    "right eye": (0.54, 0.22, 0.34, 0.24),
    "nose": (0.34, 0.40, 0.32, 0.30),
    "mouth": (0.24, 0.66, 0.52, 0.28),
}
"""Where the regions usually lie in a frontal face: x, y, width, height as shares of its side.

They stand in where a cascade finds nothing, and for the nose, for which OpenCV ships no cascade."""


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    # Loaded once: reading a cascade takes longer than searching a face.
    return cv2.CascadeClassifier(str(cascade_path(name)))


def find_regions(face: NDArray[np.uint8]) -> dict[str, PixelBox]:
    """Return the regions of grey *face* ``(N, N)`` uint8 by name, as x, y, width, height in its pixels."""
    side = face.shape[0]
    # Enlarged: in a face of 48 pixels, an eye is smaller than the cascade's window.
    large = cv2.resize(face, (SEARCHED_PX, SEARCHED_PX), interpolation=cv2.INTER_LINEAR)
    enlarged_boxes = {name: np.array(place) * SEARCHED_PX for name, place in PLACES.items()}
    enlarged_boxes.update(_find_eyes(large))
    enlarged_boxes.update(_find_mouth(large))
    scale = side / SEARCHED_PX
    boxes: dict[str, PixelBox] = {}
    for name, box in enlarged_boxes.items():
        left, top, width, height = np.rint(box * scale).astype(int).tolist()
        boxes[name] = (left, top, width, height)
    return boxes


def _find_eyes(face: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    # Nostrils and mouths look like eyes to the cascade, so only the upper part is searched.
    upper = face[: SEARCHED_PX * 6 // 10]
    eyes = {}
    for x, y, width, height in _cascade("haarcascade_eye.xml").detectMultiScale(upper, 1.1, 4):
        name = "left eye" if x + width / 2 < SEARCHED_PX / 2 else "right eye"
        eyes[name] = np.array([x, y, width, height], float)
    return eyes


def _find_mouth(face: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    top = SEARCHED_PX // 2
    # The smile cascade sees many mouths; 12 neighbours keep the certain ones, of which the widest counts.
    mouths = _cascade("haarcascade_smile.xml").detectMultiScale(face[top:], 1.1, 12)
    if len(mouths) == 0:
        return {}
    x, y, width, height = max(mouths, key=lambda box: box[2])
    return {"mouth": np.array([x, y + top, width, height], float)}


def keep_regions(face: NDArray[np.uint8]) -> None:
    """Replace all of grey *face* ``(N, N)`` uint8 but its regions by the face's mean, in place."""
    # A mask, since the regions may overlap and their mean is that of the untouched face.
    kept = np.zeros(face.shape, np.bool_)
    for left, top, width, height in find_regions(face).values():
        kept[max(0, top) : top + height, max(0, left) : left + width] = True
    face[~kept] = round(float(face.mean()))
