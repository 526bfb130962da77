"""A head in three dimensions: a few ellipsoids that wear the drawn face, seen from any side.

Each pixel's ray is followed to where it meets the nearest ellipsoid. All are seen from far away, so that rays are
parallel; places are in units of half the drawing's side, as in `face`: x to the right, y down, z towards the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

from edge_fer.sources.drawn.face import draw_skin

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer.sources.drawn.expressions import Expression
    from edge_fer.sources.drawn.face import Look

    Skin = Callable[[Expression, Look], NDArray[np.uint8]]
    """What draws the texture of a face: square, grey."""

REACH: Final = 1.3
"""Half the side of a rendered head, in units: no part of it is further from its middle."""
FACE_CENTRE: Final = (0.0, 0.054, 0.80)
"""The middle of the features, on the skin: that of the box in which Haar's cascade sees the face."""
SKULL: Final = ((0.0, 0.08, 0.0), (0.69, 0.90, 0.84))
NOSE: Final = ((0.0, 0.14, 0.80), (0.12, 0.21, 0.24))
EAR_RADII: Final = (0.06, 0.19, 0.12)


@dataclass(frozen=True)
class Pose:
    """Where a head looks, in degrees, with the signs of `edge_fer.sources.Truth`."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """Return the ``(3, 3)`` rotation from the head to the camera, without the roll."""
        yaw = math.radians(self.yaw)
        pitch = math.radians(self.pitch)
        turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        nod = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
        return np.asarray(turn @ nod)

    def face_centre(self) -> tuple[float, float]:
        """Return where the middle of the features appears, in units from the middle of the head, rolled."""
        x, y, _ = self.matrix() @ np.array(FACE_CENTRE)
        roll = math.radians(self.roll)
        return x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)


class Rendered(NamedTuple):
    """A head, ``(side, side)`` uint8, over `REACH` units to each side of its middle."""

    tones: NDArray[np.uint8]
    """Grey levels, multiplied by the opacity."""
    opacity: NDArray[np.uint8]
    """255: nothing is seen through it."""


class _Surface:
    """The nearest surface at each pixel so far."""

    def __init__(self, side_px: int) -> None:
        self.depth = np.full((side_px, side_px), -9.0, np.float32)
        self.shade = np.zeros((side_px, side_px), np.float32)
        self.x = np.zeros((side_px, side_px), np.float32)
        self.y = np.zeros((side_px, side_px), np.float32)
        self.tone = np.zeros((side_px, side_px), np.float32)
        """0 where the drawn face is the texture."""
        centres = (np.arange(side_px, dtype=np.float32) + 0.5) * (2 * REACH / side_px) - REACH
        self._across = centres[None, :]
        self._down = centres[:, None]

    def add(
        self,
        centre: tuple[float, float, float],
        radii: tuple[float, float, float],
        rotation: NDArray[np.float64],
        light: NDArray[np.float64],
        tone: float,
    ) -> None:
        """Add an ellipsoid, of *tone*, or with 0 textured."""
        rows, columns = self._bounds(rotation @ np.array(centre), max(radii))
        shrink = 1 / np.array(radii)
        # In coordinates in which the ellipsoid is the unit sphere: q = start + depth · step.
        to_sphere = rotation.T * shrink[:, None]
        step = to_sphere[:, 2]
        middle = shrink * np.array(centre)
        start = []
        for axis in range(3):
            down = np.float32(to_sphere[axis, 1]) * self._down[rows] - np.float32(middle[axis])
            start.append(np.float32(to_sphere[axis, 0]) * self._across[:, columns] + down)
        length = np.float32(step @ step)
        along = start[0] * np.float32(step[0]) + start[1] * np.float32(step[1]) + start[2] * np.float32(step[2])
        away = start[0] ** 2 + start[1] ** 2 + start[2] ** 2 - 1
        under_root = along**2 - length * away
        depth = (np.sqrt(np.maximum(under_root, 0)) - along) / length
        nearer = (under_root > 0) & (depth > self.depth[rows, columns])
        sphere = [start[axis] + depth * np.float32(step[axis]) for axis in range(3)]
        light_here = rotation.T @ light
        normals = [sphere[axis] * np.float32(shrink[axis]) for axis in range(3)]
        facing = sum(normals[axis] * np.float32(light_here[axis]) for axis in range(3))
        facing = facing / np.sqrt(normals[0] ** 2 + normals[1] ** 2 + normals[2] ** 2 + np.float32(1e-9))
        for whole, part in (
            (self.depth, depth),
            (self.shade, facing),
            (self.x, sphere[0] * np.float32(radii[0]) + np.float32(centre[0])),
            (self.y, sphere[1] * np.float32(radii[1]) + np.float32(centre[1])),
        ):
            np.copyto(whole[rows, columns], part, where=nearer)
        np.copyto(self.tone[rows, columns], np.float32(tone), where=nearer)

    def _bounds(self, centre: NDArray[np.float64], radius: float) -> tuple[slice, slice]:
        side_px = len(self.depth)
        slices = []
        for middle in (centre[1], centre[0]):
            first = math.floor((middle - radius + REACH) * side_px / (2 * REACH))
            last = math.ceil((middle + radius + REACH) * side_px / (2 * REACH))
            slices.append(slice(max(0, first), max(0, min(side_px, last))))
        return slices[0], slices[1]


class Head:
    """The head of one person."""

    def __init__(
        self,
        look: Look,
        *,
        long_hair: bool,
        skin: Skin = draw_skin,
    ) -> None:
        """Wear the texture that *skin* draws, whatever its side."""
        self.look = look
        self._skin = skin
        self._long_hair = long_hair

    def render(
        self, expression: Expression, pose: Pose, light: tuple[float, float, float], side_px: int, ambient: float = 0.55
    ) -> Rendered:
        """Return the head in *pose*, upright, with the light from the direction *light*.

        The light adds to the *ambient* share of the tones, from 0 to 1, which reaches every side of the head.
        """
        rotation = pose.matrix()
        towards = np.array(light) / np.linalg.norm(light)
        surface = _Surface(side_px)
        surface.add(*SKULL, rotation, towards, 0)
        surface.add(*NOSE, rotation, towards, 0)
        if self._long_hair:
            surface.add((0.0, 0.0, -0.26), (0.80, 1.10, 0.86), rotation, towards, self.look.hair)
        else:
            surface.add((0.0, -0.22, -0.20), (0.75, 0.86, 0.86), rotation, towards, self.look.hair)
            for side in (-1, 1):
                ear = (side * 0.70, 0.06, -0.02)
                surface.add(ear, EAR_RADII, rotation, towards, 0.85 * self.look.skin)
        texture = self._skin(expression, self.look)
        to_pixel = len(texture) / 2
        skin = cv2.remap(
            texture, (surface.x + 1) * to_pixel - 0.5, (surface.y + 1) * to_pixel - 0.5, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        tones = np.where(surface.tone > 0, surface.tone, skin.astype(np.float32))
        tones *= ambient + (1.05 - ambient) * np.maximum(surface.shade, 0)
        opacity = (surface.depth > -9).astype(np.float32)
        # Multiplied before it is blurred, or what lies outside the head would show at its outline.
        return Rendered(_soft(tones * opacity), _soft(255 * opacity))


def _soft(layer: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(cv2.convertScaleAbs(layer), (0, 0), 0.8), np.uint8)
