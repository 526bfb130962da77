"""How open the eyes are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_fer.driving.landmarks import contours, region
from edge_fer.driving.observation import Measured

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from edge_fer.driving.landmarks.contours import Contours
    from edge_fer.driving.landmarks.head import Fit

CORNERS: Final = ((33, 133), (263, 362))
"""Points of the mesh: outer and inner corner of the eye on the left of the picture, and of the other one."""
LIDS: Final = ((12, 4), (11, 3), (13, 5))
"""Points of the contour: of the upper lid and of the lower one below it, in the middle and beside it."""
ENDS: Final = (0, 8)
"""The corners in the contour."""
ONE_EYE_DEG: Final = 25.0
"""A head that is turned further shows one eye well: the other one counts the less the nearer it is to this."""
FURTHEST_DEG: Final = 50.0
"""Of a head that is turned further, nothing is said."""

LEAST: Final = 0.02
"""Uncertainty of large, frontal eyes that agree: by so much varies what is seen of one drawn person's open eyes."""
A_DIFFERENCE: Final = 0.5
"""Further uncertainty, as a share of the difference between the eyes."""
A_PIXEL: Final = 0.3
"""Further uncertainty, divided by the width of an eye in pixels."""
A_TURN: Final = 0.0008
"""Further uncertainty for each degree of yaw."""
MOST: Final = 0.08
"""With more uncertainty, nothing is said: half of what lies between open and closed is 0.12."""


class Eye(NamedTuple):
    """One eye."""

    opened: float
    """Height of the opening, divided by its width."""
    width_px: float


def openness(contour: NDArray[np.float64]) -> float:
    """Return the height of an eye's opening, divided by its width, of its *contour*."""
    height = 0.0
    for upper, lower in LIDS:
        height += float(np.hypot(*(contour[upper] - contour[lower])))
    width = float(np.hypot(*(contour[ENDS[1]] - contour[ENDS[0]])))
    return height / len(LIDS) / width if width > 0 else math.inf


def measure(image: NDArray[Any], points: NDArray[np.float64], fit: Fit, network: Contours) -> Measured | None:
    """Return how open the eyes are of the face with *points* in *image*, which lies as *fit*; None if too uncertain."""
    if abs(fit.yaw_deg) > FURTHEST_DEG:
        return None
    # Who looks to the right of the picture shows the eye on its left.
    nearer = 0 if fit.yaw_deg > 0 else 1
    weights = (1.0, max(0.0, 1 - abs(fit.yaw_deg) / ONE_EYE_DEG))
    seen = []
    for number, weight in zip((nearer, 1 - nearer), weights, strict=True):
        eye = _look(image, points, number, network) if weight > 0 else None
        if weight > 0 and eye is None:
            return None
        if eye is not None:
            seen.append((eye, weight))
    return _joined(seen, fit)


def _look(image: NDArray[Any], points: NDArray[np.float64], number: int, network: Contours) -> Eye | None:
    outer, inner = CORNERS[number]
    square = region.of_eye(points[outer], points[inner], mirrored=number == 1)
    if not square.side >= 1:
        return None
    found = network.see(square.cut(image, contours.SIDE_PX))
    if found is None:
        return None
    return Eye(openness(found[0]), square.side / region.AROUND_EYE)


def _joined(seen: list[tuple[Eye, float]], fit: Fit) -> Measured | None:
    total = sum(weight for _, weight in seen)
    value = sum(eye.opened * weight for eye, weight in seen) / total
    # A half of it where both count the same, nothing where one alone does.
    difference = max(abs(eye.opened - value) * weight for eye, weight in seen)
    parts = (LEAST, A_DIFFERENCE * 2 * difference, A_PIXEL / seen[0][0].width_px, A_TURN * abs(fit.yaw_deg))
    uncertainty = math.hypot(*parts)
    # Written so that NaN is too uncertain.
    return Measured(value=value, uncertainty=uncertainty) if uncertainty <= MOST else None
