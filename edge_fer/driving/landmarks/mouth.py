"""How open the mouth is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.driving.observation import Measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

INNER_LIPS: Final = (13, 14)
"""Points of the mesh: the middle of the upper lip's lower edge, and of the lower lip's upper edge."""
CORNERS: Final = (78, 308)


def measure(points: NDArray[np.float64]) -> Measured:
    """Return the height of the mouth's opening, divided by its width, of the face with *points*."""
    height = float(np.linalg.norm(points[INNER_LIPS[0]] - points[INNER_LIPS[1]]))
    width = float(np.linalg.norm(points[CORNERS[0]] - points[CORNERS[1]]))
    return Measured(value=height / max(width, 1e-6), uncertainty=0.05)
