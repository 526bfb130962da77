"""How open the eyes are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.driving.landmarks import contours, region
from edge_fer.driving.observation import Measured

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from edge_fer.driving.landmarks.contours import Contours
    from edge_fer.driving.observation import Pose

CORNERS: Final = ((33, 133), (263, 362))
"""Points of the mesh: outer and inner corner of the eye on the left of the picture, and of the other one."""
LIDS: Final = ((12, 4), (11, 3), (13, 5))
"""Points of the contour: of the upper lid and of the lower one below it, in the middle and beside it."""
INNER: Final = 0
OUTER: Final = 8


def openness(contour: NDArray[np.float64]) -> float:
    """Return the height of an eye's opening, divided by its width, of its *contour*."""
    height = 0.0
    for upper, lower in LIDS:
        height += float(np.hypot(*(contour[upper] - contour[lower])))
    return height / len(LIDS) / float(np.hypot(*(contour[OUTER] - contour[INNER])))


def measure(image: NDArray[Any], points: NDArray[np.float64], pose: Pose, network: Contours) -> Measured | None:
    """Return how open the eyes are of the face with *points* in *image*."""
    found = []
    for number, (outer, inner) in enumerate(CORNERS):
        square = region.of_eye(points[outer], points[inner], mirrored=number == 1)
        seen = network.see(square.cut(image, contours.SIDE_PX))
        if seen is not None:
            found.append(openness(seen[0]))
    if not found:
        return None
    return Measured(value=float(np.mean(found)), uncertainty=0.03)
