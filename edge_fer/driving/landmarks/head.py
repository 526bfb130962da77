"""Where the head looks: the turn between the points of a face and those of a generic one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.driving.observation import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pose_of(points: NDArray[np.float64]) -> Pose:
    """Return the pose of the face with *points*, ``(468, 3)``."""
    across = points[263] - points[33]
    down = points[152] - points[10]
    yaw = math.degrees(math.atan2(across[2], math.hypot(across[0], across[1])))
    pitch = math.degrees(math.atan2(down[2], math.hypot(down[0], down[1])))
    roll = math.degrees(math.atan2(across[1], across[0]))
    return Pose(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, uncertainty_deg=5.0)
