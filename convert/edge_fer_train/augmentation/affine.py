"""The matrix that the affine augmentations share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def turn(angle: float, shear: float) -> NDArray[np.float64]:
    """Return the ``(2, 2)`` matrix that shears by *shear* along x, then rotates by *angle* in radians."""
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(rotation @ np.array([[1, shear], [0, 1]]), np.float64)
