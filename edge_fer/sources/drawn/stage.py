"""Draws people into a picture, one before the other, and keeps count of what is seen of each face."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.sources import Truth
from edge_fer.sources.drawn.head import REACH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.sources.drawn.head import Pose
    from edge_fer.sources.drawn.people import Moment, Role

COARSE: Final = 4
"""What is seen of a face is counted in squares of so many pixels."""
FINE_BITS: Final = 4
FINE: Final = 1 << FINE_BITS
"""Ellipses and lines are placed to such a part of a pixel, or they would jump."""
AROUND: Final = 256
"""Pixels around the frame in which faces are counted as well: these are out of sight."""
SHUTTER: Final = 0.5
"""Share of the time between two frames for which the shutter is open: what moves meanwhile is blurred."""
BOX: Final = 0.85
"""Side of the box in which Haar's cascade sees a head that looks this way, relative to the head's side. A fit."""
AWAY_DEG: Final = 75.0
"""A head turned further shows no face."""
SHARPEST_PX: Final = 128
"""Heads are rendered no larger than this and then scaled up: a lens is no sharper."""


class Stage:
    """A picture in the making."""

    def __init__(
        self,
        room: NDArray[np.uint8],
        light: tuple[float, float, float],
        scale: float,
        sharpest_px: int = SHARPEST_PX,
    ) -> None:
        """Draw into a copy of *room*, with heads that are rendered no larger than *sharpest_px*."""
        self._sharpest_px = sharpest_px
        self.image = room.copy()
        self._light = light
        self._scale = scale
        height, width = room.shape
        self._owners = np.zeros(((height + 2 * AROUND) // COARSE, (width + 2 * AROUND) // COARSE), np.uint8)
        self._faces: list[tuple[Role, Moment, tuple[float, float], int]] = []

    def add(self, role: Role, moment: Moment, before: Moment) -> None:
        """Draw somebody before everybody who is there: as of *moment*; *before* is the frame before it."""
        height, width = self.image.shape
        unit = moment.side_px * self._scale / 2
        x, y = moment.x * width, moment.y * height
        self._draw_body(role, x, y, unit)
        blur = _blur(moment, before, unit, width, height)
        self._draw_head(role, moment, x, y, unit, blur)
        self._count_face(role, moment, x, y, unit)
        if moment.cover is not None:
            self._draw_cover(role, moment.cover, x, y, unit)

    def truth(self) -> tuple[Truth, ...]:
        """Return the faces that were drawn.

        Of a head that is turned away, the place is told, and that nothing of the face is visible: who follows the head
        is not wrong.
        """
        width = self.image.shape[1]
        first = AROUND // COARSE
        inside = self._owners[first:-first, first:-first]
        faces = []
        for number, (role, moment, (x, y), size) in enumerate(self._faces, 1):
            visible = min(1.0, np.count_nonzero(inside == number) / size) if size else 0.0
            pose = moment.pose
            if visible == 0 or not -width < x < 2 * width:
                continue
            if abs(pose.yaw) > AWAY_DEG:
                visible = 0.0
            box_px = BOX * moment.side_px * self._scale
            box = Box(x - box_px / 2, y - box_px / 2, box_px, box_px)
            number_of = role.person.number
            truth = Truth(box, moment.label, number_of, pose.yaw, pose.pitch, pose.roll, visible, moment.eyes_open)
            faces.append(truth)
        return tuple(faces)

    def _draw_body(self, role: Role, x: float, y: float, unit: float) -> None:
        neck = round(0.36 * unit)
        tone = 0.72 * role.person.look.skin
        top, bottom = round(y + 0.4 * unit), round(y + 1.4 * unit)
        left = round(x) - neck
        region = self.image[max(0, top) : max(0, bottom), max(0, left) : max(0, round(x) + neck)]
        region[:] = tone
        # In whole pixels: cloth is too soft to show it.
        tones, opacity = role.body(self._scale)
        side = tones.shape[1]
        self._blend(tones, opacity, round(x - side / 2), round(y + 0.75 * unit))
        self._own(0, x, y + 0.75 * unit + side * 0.62, side * 0.47, side * 0.5, 0)

    def _draw_head(self, role: Role, moment: Moment, x: float, y: float, unit: float, blur: tuple[int, int]) -> None:
        wanted = 2 * REACH * unit
        # In steps, or the head would get another sharpness with each pixel that it grows.
        side_px = min(self._sharpest_px, 16 * math.ceil(wanted / 16))
        rendered = role.person.head.render(moment.expression, moment.pose, self._light, side_px)
        layer = np.asarray(cv2.merge([rendered.tones, rendered.opacity]), np.uint8)
        if max(blur) > 1:
            ratio = side_px / wanted
            kernel = tuple(max(1, round(length * ratio)) for length in blur)
            layer = np.asarray(cv2.blur(layer, kernel), np.uint8)
        roll = math.radians(moment.pose.roll)
        # The head tilts on the neck, not around its middle.
        middle_x = x + 0.9 * unit * math.sin(roll)
        middle_y = y + 0.9 * unit * (1 - math.cos(roll))
        scale = wanted / side_px
        cos, sin = scale * math.cos(roll), scale * math.sin(roll)
        half = (side_px - 1) / 2
        wide = role.person.proportion
        matrix = np.array([[cos * wide, -sin, 0.0], [sin * wide, cos, 0.0]])
        matrix[:, 2] = (middle_x, middle_y) - matrix[:, :2] @ (half, half)
        self._paste(layer, matrix)
        self._own(0, middle_x, middle_y, 0.72 * unit, 0.92 * unit, moment.pose.roll)

    def _count_face(self, role: Role, moment: Moment, x: float, y: float, unit: float) -> None:
        number = len(self._faces) + 1
        centre = face_centre(moment.pose, x, y, unit)
        narrow = max(0.35, math.cos(math.radians(moment.pose.yaw)))
        before = np.count_nonzero(self._owners == number)
        self._own(number, *centre, 0.52 * unit * narrow, 0.6 * unit, moment.pose.roll)
        size = int(np.count_nonzero(self._owners == number) - before)
        self._faces.append((role, moment, centre, size))

    def _draw_cover(self, role: Role, cover: tuple[float, float], x: float, y: float, unit: float) -> None:
        x += cover[0] * unit
        y += cover[1] * unit
        if role.manner.covers == "cup":
            self._ellipse(x, y, 0.42 * unit, 0.48 * unit, 0, 215)
            self._ellipse(x, y - 0.3 * unit, 0.38 * unit, 0.1 * unit, 0, 120)
            self._own(0, x, y, 0.42 * unit, 0.48 * unit, 0)
            return
        tone = 0.92 * role.person.look.skin
        elbow = (x + 0.8 * unit, y + 2.7 * unit)
        self._line(elbow, (x, y), 0.85 * tone, 0.4 * unit)
        self._ellipse(x, y, 0.4 * unit, 0.52 * unit, 12, tone)
        for finger in (-0.2, 0.0, 0.2):
            knuckle = (x + finger * unit, y - 0.05 * unit)
            tip = (knuckle[0] + 0.1 * unit, knuckle[1] - 0.4 * unit)
            self._line(knuckle, tip, 0.7 * tone, 0.035 * unit)
        self._own(0, x, y, 0.4 * unit, 0.52 * unit, 12)

    def _ellipse(self, x: float, y: float, half_width: float, half_height: float, tilt_deg: float, tone: float) -> None:
        axes = (round(half_width * FINE), round(half_height * FINE))
        centre = (round(x * FINE), round(y * FINE))
        cv2.ellipse(self.image, centre, axes, tilt_deg, 0, 360, tone, -1, cv2.LINE_AA, FINE_BITS)

    def _line(self, start: tuple[float, float], end: tuple[float, float], tone: float, width: float) -> None:
        thickness = max(1, round(width))
        cv2.line(self.image, _point(start), _point(end), tone, thickness, cv2.LINE_AA, FINE_BITS)

    def _own(self, owner: int, x: float, y: float, half_width: float, half_height: float, tilt_deg: float) -> None:
        """Note that an ellipse of the picture, in pixels, belongs to the face *owner*; to none with 0."""
        fine = FINE / COARSE
        centre = (round((x + AROUND) * fine), round((y + AROUND) * fine))
        axes = (max(1, round(half_width * fine)), max(1, round(half_height * fine)))
        cv2.ellipse(self._owners, centre, axes, tilt_deg, 0, 360, owner, -1, cv2.LINE_8, FINE_BITS)

    def _paste(self, layer: NDArray[np.uint8], matrix: NDArray[np.float64]) -> None:
        """Blend *layer*, ``(side, side, 2)`` tones times opacity and opacity, where *matrix* maps it."""
        side = len(layer)
        corners = matrix @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
        height, width = self.image.shape
        x0, y0 = (max(0, math.floor(value)) for value in corners.min(axis=1))
        x1 = min(width, math.ceil(corners[0].max()))
        y1 = min(height, math.ceil(corners[1].max()))
        if x1 <= x0 or y1 <= y0:
            return
        moved = matrix.copy()
        moved[:, 2] -= (x0, y0)
        warped = cv2.warpAffine(layer, moved, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        tones, opacity = cv2.split(warped)
        self._blend(np.asarray(tones, np.uint8), np.asarray(opacity, np.uint8), x0, y0)

    def _blend(self, tones: NDArray[np.uint8], opacity: NDArray[np.uint8], left: int, top: int) -> None:
        """Blend *tones*, which are multiplied by *opacity*, into the picture at ``(left, top)``."""
        height, width = self.image.shape
        rows = slice(max(0, -top), max(0, min(len(tones), height - top)))
        columns = slice(max(0, -left), max(0, min(tones.shape[1], width - left)))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        region = self.image[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
        kept = cv2.multiply(region, 255 - opacity[rows, columns], scale=1 / 255)
        cv2.add(kept, tones[rows, columns], dst=region)


def face_centre(pose: Pose, x: float, y: float, unit: float) -> tuple[float, float]:
    """Return where the middle of the features of a head at ``(x, y)`` is, in pixels."""
    roll = math.radians(pose.roll)
    across, down = pose.face_centre()
    return (
        x + unit * (0.9 * math.sin(roll) + across),
        y + unit * (0.9 * (1 - math.cos(roll)) + down),
    )


def _blur(moment: Moment, before: Moment, unit: float, width: int, height: int) -> tuple[int, int]:
    """Return over how many pixels a head is blurred across and down."""
    turned = math.radians(moment.pose.yaw - before.pose.yaw) * math.cos(math.radians(moment.pose.yaw))
    nodded = math.radians(moment.pose.pitch - before.pose.pitch)
    across = (moment.x - before.x) * width + 0.8 * unit * turned
    down = (moment.y - before.y) * height + 0.8 * unit * nodded
    return round(abs(across) * SHUTTER) + 1, round(abs(down) * SHUTTER) + 1


def _point(place: tuple[float, float]) -> tuple[int, int]:
    return round(place[0] * FINE), round(place[1] * FINE)
