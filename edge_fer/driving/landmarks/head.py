"""Where the head looks: the turn between the points of a face and those of a generic one.

The mesh gives each point a depth, so the turn that fits all of them best follows directly (Kabsch, 1976; Umeyama,
1991), without the camera's focal length, which nobody tells. It is that between the head and the line of sight:
perspective is neglected, which matters for faces that fill the picture. OpenCV's ``solvePnP``, with the places in the
picture alone, needs a focal length, and sees nods a third too small and a photographed turn of 45 degrees as 17.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_fer.driving.observation import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERIC: Final = {
    33: (-0.500, -0.164, 0.223),
    133: (-0.193, -0.143, 0.162),
    362: (0.193, -0.143, 0.162),
    263: (0.500, -0.164, 0.223),
    168: (0.000, -0.201, -0.017),
    6: (0.000, -0.111, -0.061),
    197: (0.000, -0.033, -0.113),
    195: (0.000, 0.037, -0.169),
    5: (0.000, 0.112, -0.226),
    4: (0.000, 0.201, -0.250),
    98: (-0.184, 0.304, 0.033),
    327: (0.184, 0.304, 0.033),
}
"""Corners of the eyes and the nose of a generic head that looks straight ahead, by the mesh's number: what stays in
place when a face moves. x to the right of the picture, y down, z away from the camera, in distances of the outer
corners. The median of what the mesh sees in FER2013's public test, by ``benchmarks/driving/generic_head.py``."""
NUMBERS: Final = list(GENERIC)
SHAPE: Final = np.array(list(GENERIC.values()))

LEAST_DEG: Final = 2.5
"""Uncertainty of a large face that fits."""
A_TURN: Final = 0.12
"""Further uncertainty for each degree of yaw or pitch."""
A_MISFIT: Final = 60.0
"""Further uncertainty in degrees, for a misfit of one distance of the eyes' outer corners."""
A_PIXEL: Final = 60.0
"""Further uncertainty in degrees, divided by that distance in pixels."""
MOST_DEG: Final = 15.0
"""With more uncertainty, nothing is said."""


class Fit(NamedTuple):
    """How a face lies in the picture."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    misfit: float
    """Root of the mean square distance between its points and the generic head's, in distances of the outer corners."""
    width_px: float
    """Distance of the outer corners, were it seen from the front."""


def pose_of(fit: Fit) -> Pose | None:
    """Return the pose of a face that lies as *fit*; None if it is too uncertain."""
    uncertainty_deg = uncertainty_of(fit)
    if uncertainty_deg > MOST_DEG:
        return None
    return Pose(yaw_deg=fit.yaw_deg, pitch_deg=fit.pitch_deg, roll_deg=fit.roll_deg, uncertainty_deg=uncertainty_deg)


def uncertainty_of(fit: Fit) -> float:
    """Return one standard deviation of yaw and pitch, in degrees."""
    turn_deg = math.hypot(fit.yaw_deg, fit.pitch_deg)
    parts = (LEAST_DEG, A_TURN * turn_deg, A_MISFIT * fit.misfit, A_PIXEL / fit.width_px)
    return math.hypot(*parts)


def fitted(points: NDArray[np.float64]) -> Fit | None:
    """Return how the generic head has to be turned to fit *points*, ``(468, 3)``; None for points without extent."""
    seen = points[NUMBERS]
    middle = seen.mean(axis=0)
    head = SHAPE - SHAPE.mean(axis=0)
    left, spread, right = np.linalg.svd(head.T @ (seen - middle))
    # A mirror image fits best where the points are nearly flat.
    signs = np.array([1.0, 1.0, np.linalg.det(right.T @ left.T)])
    rotation = (right.T * signs) @ left.T
    width_px = float((spread * signs).sum() / (head**2).sum())
    if not width_px > 0:
        return None
    rest = seen - middle - width_px * head @ rotation.T
    misfit = math.sqrt(float((rest**2).sum(axis=1).mean())) / width_px
    return Fit(*_angles(rotation), misfit, width_px)


def _angles(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return yaw, pitch and roll, in degrees, with the signs of `Pose`, which tilts a head that is turned and bowed."""
    # Of a point's depth, which grows away from the camera here: what the camera sees looks the other way.
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    yaw = math.asin(max(-1.0, min(1.0, float(rotation[2, 0]))))
    # The direction of the face without the roll.
    down = -rotation[1, 2] * math.cos(roll) + rotation[0, 2] * math.sin(roll)
    pitch = math.atan2(down, rotation[2, 2] / math.cos(yaw)) if abs(yaw) < math.pi / 2 else 0.0
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)
