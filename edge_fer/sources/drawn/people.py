"""People: what they look like, what they do, and how they are drawn into a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.sources.drawn.expressions import EXPRESSIONS, FADE_S
from edge_fer.sources.drawn.face import Look, draw_skin
from edge_fer.sources.drawn.head import Head, Pose
from edge_fer.sources.drawn.movement import Course, Sway

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer.sources.drawn.expressions import Expression
    from edge_fer.sources.drawn.head import Skin

BLINK_S: Final = 0.16
"""How long a blink takes."""
BODY: Final = 1.85
"""Side of a body, relative to that of the head."""
CLOTH_PX: Final = 128
"""Side of the square on which a body is drawn."""


class Person:
    """Somebody: a look, a head and clothes."""

    def __init__(
        self,
        number: int,
        rng: np.random.Generator,
        draw: Skin = draw_skin,
    ) -> None:
        """Make somebody of chance, whose face is what *draw* draws."""
        self.number = number
        skin = rng.uniform(125, 190)
        self.look = Look(
            skin=skin,
            hair=rng.uniform(20, min(110, skin - 45)),
            contrast=0.75 + 0.25 * (skin - 125) / 65,
            eye_gap=rng.uniform(0.285, 0.325),
            eye_height=rng.uniform(-0.16, -0.12),
            mouth_height=rng.uniform(0.49, 0.55),
            nose_width=rng.uniform(0.055, 0.09),
            brow_px=int(rng.integers(5, 8)),
            beard=rng.uniform(0.3, 0.6) if rng.random() < 0.2 else 0.0,
            glasses=rng.uniform(50, 110) if rng.random() < 0.25 else 0.0,
        )
        self.head = Head(self.look, long_hair=bool(rng.random() < 0.45), skin=draw)
        self.proportion = rng.uniform(0.94, 1.06)
        """Width of the head against its height, relative to the drawing."""
        self.body = _body(rng)


def _body(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return shoulders and chest as ``(CLOTH_PX, CLOTH_PX, 2)`` uint8: tones times opacity, and opacity."""
    mask = np.zeros((CLOTH_PX, CLOTH_PX), np.uint8)
    middle = CLOTH_PX // 2
    # Shoulders slope, then fall: between an ellipse and a rectangle.
    turn = np.linspace(0, 2 * math.pi, 60)
    x = middle + (middle - 3) * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.65
    y = CLOTH_PX + 6 + (CLOTH_PX - 16) * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.8
    cv2.fillPoly(mask, [np.stack([x, y], axis=1).astype(np.int32)], 255, cv2.LINE_AA)
    across, down = np.meshgrid(np.linspace(-1, 1, CLOTH_PX), np.linspace(-1, 1, CLOTH_PX))
    cloth = np.full((CLOTH_PX, CLOTH_PX), rng.uniform(40, 200))
    for _ in range(4):  # folds
        angle = rng.uniform(0, math.pi)
        along = across * math.cos(angle) + down * math.sin(angle) + 0.2 * np.sin(3 * down + rng.uniform(0, 6))
        cloth += rng.uniform(3, 14) * np.sin(rng.uniform(4, 16) * along + rng.uniform(0, 6))
    opacity = cv2.GaussianBlur(mask, (0, 0), 1.0).astype(np.float32) / 255
    return np.dstack([np.clip(cloth, 5, 250) * opacity, 255 * opacity]).astype(np.uint8)


@dataclass(frozen=True)
class Manner:
    """What somebody does in a shot. Angles are in degrees; each is drawn anew for each hold."""

    yaw: Callable[[np.random.Generator], float]
    pitch: Callable[[np.random.Generator], float] = lambda rng: rng.uniform(-8, 8)
    roll: Callable[[np.random.Generator], float] = lambda rng: rng.uniform(-6, 6)
    hold_s: tuple[float, float] = (0.8, 2.5)
    talks: bool = True
    covers: str = ""
    """What is held before the face now and then: ``hand``, ``cup``, or nothing."""


@dataclass(frozen=True)
class Way:
    """Where the head of somebody is in a shot: x and y in shares of the frame, its side in pixels of 640x480."""

    side_px: float
    x: Course
    y: float


class Moment(NamedTuple):
    """Somebody at a moment."""

    x: float
    """Middle of the head, as a share of the frame's width."""
    y: float
    side_px: float
    pose: Pose
    expression: Expression
    label: str
    cover: tuple[float, float] | None
    """Where what covers the face is, in units of the head from its middle; None if nothing does."""
    eyes_open: float = 1.0
    """Relative to the open eyes of the same person."""


class Role:
    """Somebody in a shot: who it is, where, and what they do."""

    def __init__(self, rng: np.random.Generator, person: Person, way: Way, manner: Manner, length_s: float) -> None:
        self.person = person
        self.manner = manner
        self._way = way
        self._body: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._yaw = Course.of_chance(rng, length_s, manner.yaw, manner.hold_s, 0.4)
        self._pitch = Course.of_chance(rng, length_s, manner.pitch, manner.hold_s, 0.35)
        self._roll = Course.of_chance(rng, length_s, manner.roll, manner.hold_s, 0.5)
        self._sways = [Sway(rng, size, 0.3) for size in (0.006, 0.006, 2.5, 2.0, 1.5, 0.04)]
        self._order = rng.permutation(len(FER2013))
        self._hold_s = rng.uniform(2.5, 3.5)
        self._blinks_s = np.cumsum(rng.uniform(1.5, 5.0, math.ceil(length_s / 1.5)))
        self._talks_hz = rng.uniform(3.0, 4.5)
        # Down, up before the face, down again.
        up_s = rng.uniform(1.0, 2.0)
        starts_s = [0.0, up_s, up_s + rng.uniform(1.2, 2.2), up_s + rng.uniform(4.0, 4.5), up_s + rng.uniform(5.5, 6.5)]
        self._rise = Course(starts_s, [0.0, 1.0, 0.0, 1.0, 0.0], 0.35)
        self._covered = (rng.uniform(-0.15, 0.15), 0.5) if rng.random() < 0.6 else (rng.choice([-0.4, 0.4]), 0.1)

    @property
    def side_px(self) -> float:
        """Side of the head in pixels of 640x480, but for small movements. Who is larger is nearer."""
        return self._way.side_px

    def at(self, time_s: float) -> Moment:
        """Return them at *time_s* of the shot."""
        x, y, yaw, pitch, roll, size = (sway.at(time_s) for sway in self._sways)
        pose = Pose(self._yaw.at(time_s) + yaw, self._pitch.at(time_s) + pitch, self._roll.at(time_s) + roll)
        cover = None
        rise = self._rise.at(time_s)
        if self.manner.covers and rise > 0:
            cover = (self._covered[0], self._covered[1] + 2.6 * (1 - rise))
        side_px = self._way.side_px * (1 + size)
        expression = self._expression(time_s)
        return Moment(
            self._way.x.at(time_s) + x, self._way.y + y, side_px, pose, expression, self._label(time_s), cover
        )

    def body(self, scale: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return tones times opacity, and opacity, of the body in a picture of *scale* to 640x480."""
        if self._body is None:
            side = max(8, round(BODY * self._way.side_px * scale))
            scaled = cv2.resize(self.person.body, (side, side), interpolation=cv2.INTER_LINEAR)
            # Further down, cloth hangs straight. A body that is far away must reach the lower edge of the picture.
            scaled = cv2.copyMakeBorder(scaled, 0, 2 * side, 0, 0, cv2.BORDER_REPLICATE)
            tones, opacity = cv2.split(scaled)
            self._body = np.asarray(tones, np.uint8), np.asarray(opacity, np.uint8)
        return self._body

    def _label(self, time_s: float) -> str:
        return FER2013[self._order[int(time_s / self._hold_s) % len(self._order)]]

    def _expression(self, time_s: float) -> Expression:
        expression = EXPRESSIONS[self._label(time_s)]
        if time_s >= self._hold_s:
            previous = EXPRESSIONS[self._label(time_s - self._hold_s)]
            expression = previous.toward(expression, min(1.0, (time_s % self._hold_s) / FADE_S))
        nearest_s = float(np.min(np.abs(self._blinks_s - time_s)))
        lids = min(1.0, nearest_s / (BLINK_S / 2))
        expression = replace(expression, eye_open=0.008 + (expression.eye_open - 0.008) * lids)
        # Talking comes in phrases.
        if self.manner.talks and math.sin(2.1 * time_s + self._talks_hz) > 0:
            opened = 0.05 * abs(math.sin(math.pi * self._talks_hz * time_s))
            expression = replace(expression, mouth_open=expression.mouth_open + opened)
        return expression
