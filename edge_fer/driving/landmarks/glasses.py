"""Whether an eye can be seen at all: behind dark glasses there is no skin, no white and no light, all of it is dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.preprocess import to_gray

if TYPE_CHECKING:
    from numpy.typing import NDArray

SKIN: Final = (50, 280, 6, 151)
"""Points of the mesh where skin is mostly seen: the cheeks, the bridge of the nose, the forehead."""
DARKEST: Final = 0.45
"""The lighter parts of what lies around an eye are hardly ever so dark, relative to the skin, unless dark glasses lie
over it. Of 3,367 faces of FER2013's public test, 11 are darker: 9 with dark glasses, 2 in the hardest of shades.
Glasses that are less dark, or mirror the sky, are not found."""
LIGHTER: Final = 0.9
"""Quantile that stands for the lighter parts; the rest may be shade, lashes and iris."""
HALF_WIDTH: Final = 0.6
"""Of what lies around an eye, as a share of the distance of its corners."""
HALF_HEIGHT: Final = 0.35


def are_dark(
    picture: NDArray[np.uint8], points: NDArray[np.float64], corners: tuple[tuple[int, int], tuple[int, int]]
) -> bool:
    """Return whether dark glasses hide both eyes, with *corners*, of the face with *points* in *picture*.

    The picture is grey or BGR, and the face in it is level.
    """
    gray = to_gray(picture)
    width = float(np.hypot(*(points[corners[1][0]] - points[corners[0][0]])[:2]))
    # The median, since a hand or hair may hide a cheek, and a fringe the forehead.
    skin = float(np.median([_level(gray, points[point], 0.06 * width, 0.06 * width, 0.5) for point in SKIN]))
    for outer, inner in corners:
        across = float(np.hypot(*(points[outer] - points[inner])[:2]))
        middle = (points[outer] + points[inner]) / 2
        if _level(gray, middle, HALF_WIDTH * across, HALF_HEIGHT * across, LIGHTER) >= DARKEST * skin:
            return False
    return True


def _level(
    gray: NDArray[np.uint8], middle: NDArray[np.float64], half_width: float, half_height: float, quantile: float
) -> float:
    """Return the *quantile* of the tones around *middle*; 255 where it is not in the picture."""
    x, y = round(float(middle[0])), round(float(middle[1]))
    across, down = max(1, round(half_width)), max(1, round(half_height))
    part = gray[max(0, y - down) : max(0, y + down + 1), max(0, x - across) : max(0, x + across + 1)]
    if not part.size:
        return 255.0
    # As np.quantile with method "lower", which takes ten times as long for so few.
    return float(np.sort(part, axis=None)[int(quantile * (part.size - 1))])
