"""The square of a picture that a network is shown: upright, however the face is tilted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from edge_fer.boxes import Box

AROUND_POINTS: Final = 1.5
"""Side of the mesh's square, as a multiple of that around the points of the frame before. As MediaPipe's graph
``face_landmark_landmarks_to_roi`` has it."""
AROUND_BOX: Final = 1.46
"""The same, as a multiple of the side of a detector's square (Haar's, which ends at the chin and below the hair)."""
BELOW_BOX: Final = 0.087
"""By how much the square's middle lies below the box's, as a share of its side."""
AROUND_EYE: Final = 2.3
"""Side of an eye's square, as a multiple of the distance of its corners. As in MediaPipe's graph
``iris_landmark_landmarks_to_roi``."""
OUTER_EYES: Final = (33, 263)
"""The outer corners of the eyes, left in the picture and right."""


class Square(NamedTuple):
    """A square in a picture, in pixels."""

    x: float
    """Of its middle."""
    y: float
    side: float
    roll_deg: float
    """By how much it is turned, positive clockwise."""
    mirrored: bool = False

    def cut(self, image: NDArray[Any], side_px: int) -> NDArray[np.uint8]:
        """Return what *image* shows in it, ``(side_px, side_px)`` or with its three colours; black beyond the edge."""
        matrix = self.matrix(side_px)
        return np.asarray(cv2.warpAffine(image, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR), np.uint8)

    def matrix(self, side_px: int) -> NDArray[np.float64]:
        """Return the ``(2, 3)`` map from the picture's pixels to those of the cut."""
        scale = side_px / self.side
        cos = scale * math.cos(math.radians(self.roll_deg))
        sin = scale * math.sin(math.radians(self.roll_deg))
        flip = -1 if self.mirrored else 1
        matrix = np.array([[flip * cos, flip * sin, 0.0], [-sin, cos, 0.0]])
        matrix[:, 2] = side_px / 2 - matrix[:, :2] @ (self.x, self.y)
        return matrix

    def placed(self, points: NDArray[np.float64], side_px: int) -> NDArray[np.float64]:
        """Return *points* of the cut, ``(n, 2 | 3)``, in pixels of the picture."""
        back = cv2.invertAffineTransform(self.matrix(side_px))
        placed = points[:, :2] @ back[:, :2].T + back[:, 2]
        return np.hstack([placed, points[:, 2:] * (self.side / side_px)])


def of_box(box: Box, roll_deg: float) -> Square:
    """Return where the mesh looks for the face that a detector has found in *box*."""
    side = max(box.width, box.height)
    down = BELOW_BOX * side
    roll = math.radians(roll_deg)
    x = box.x + box.width / 2 - down * math.sin(roll)
    y = box.y + box.height / 2 + down * math.cos(roll)
    return Square(x, y, AROUND_BOX * side, roll_deg)


def of_points(points: NDArray[np.float64]) -> Square:
    """Return where the mesh looks for the face that had *points*, ``(468, 3)``, in the frame before."""
    left, right = points[OUTER_EYES[0], :2], points[OUTER_EYES[1], :2]
    roll = math.atan2(right[1] - left[1], right[0] - left[0])
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    upright = points[:, :2] @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = ((low + high) / 2) @ turn
    return Square(float(x), float(y), AROUND_POINTS * float((high - low).max()), math.degrees(roll))


def is_in(points: NDArray[np.float64], box: Box) -> bool:
    """Return whether the face with *points* is the one that a detector sees in *box*: its middle lies there."""
    x, y = points[:, :2].mean(axis=0)
    return bool(abs(x - box.x - box.width / 2) < box.width / 2 and abs(y - box.y - box.height / 2) < box.height)


def of_eye(outer: NDArray[np.float64], inner: NDArray[np.float64], *, mirrored: bool) -> Square:
    """Return the square around the eye with the corners *outer* and *inner*, mirrored for the one on the right."""
    left, right = (inner, outer) if mirrored else (outer, inner)
    across = right[:2] - left[:2]
    x, y = (left[:2] + right[:2]) / 2
    roll_deg = math.degrees(math.atan2(across[1], across[0]))
    return Square(float(x), float(y), AROUND_EYE * float(np.hypot(*across)), roll_deg, mirrored)
