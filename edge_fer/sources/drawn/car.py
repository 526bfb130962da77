"""The inside of a car, as a camera before the driver sees it: seats, pillars, and what passes outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAND_PX: Final = 1600
"""After so many pixels of 640x480, the land outside repeats."""
SPEED: Final = 240.0
"""How fast it passes the side windows, in pixels of 640x480 a second."""
SIDES: Final = (
    ((-0.02, 0.10), (0.17, 0.13), (0.13, 0.60), (-0.02, 0.66)),
    ((1.02, 0.10), (0.83, 0.13), (0.87, 0.60), (1.02, 0.66)),
)
"""Corners of the side windows, in shares of the picture."""
REAR: Final = ((0.27, 0.15), (0.73, 0.15), (0.76, 0.40), (0.24, 0.40))
"""Corners of the rear window."""
WHEEL: Final = (0.34, 0.40)
"""Radii of the steering wheel, in shares of the picture's width and height."""


class Car:
    """A car that drives."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int) -> None:
        self._size_px = width_px, height_px
        self._scale = width_px / 640
        self._inside = _inside(rng, width_px, height_px)
        self._land = _land(rng, round(LAND_PX * self._scale), height_px)
        self._windows = []
        for corners in (*SIDES, REAR):
            opening = np.zeros((height_px, width_px), np.uint8)
            cv2.fillPoly(opening, [self._places(corners)], 255, cv2.LINE_AA)
            left, top, width, height = cv2.boundingRect(opening)
            part = slice(top, top + height), slice(left, left + width)
            self._windows.append((part, opening[part]))

    def seen(self, time_s: float) -> NDArray[np.uint8]:
        """Return the car without people at *time_s*, grey ``(height, width)`` uint8."""
        room = self._inside.copy()
        # The camera looks back: on both sides the land goes towards the middle, and behind it hardly moves.
        for (part, opening), speed in zip(self._windows, (-SPEED, SPEED, 0.02 * SPEED), strict=True):
            region = room[part]
            first = round(speed * self._scale * time_s) + part[1].start
            columns = np.arange(first, first + region.shape[1]) % self._land.shape[1]
            outside = self._land[part[0]][:, columns]
            kept = cv2.multiply(region, 255 - opening, scale=1 / 255)
            cv2.add(kept, cv2.multiply(outside, opening, scale=1 / 255), dst=region)
        return room

    def add_belt(self, image: NDArray[np.uint8], shoulder: tuple[float, float]) -> None:
        """Draw the driver's belt into *image*, from *shoulder* in pixels."""
        width, height = self._size_px
        thick = max(2, round(0.035 * width))
        buckle = (round(shoulder[0] - 0.34 * width), round(shoulder[1] + 0.55 * height))
        cv2.line(image, (round(shoulder[0]), round(shoulder[1])), buckle, 52, thick, cv2.LINE_AA)

    def add_wheel(self, image: NDArray[np.uint8]) -> None:
        """Draw the steering wheel into *image*."""
        width, height = self._size_px
        centre = (round(0.5 * width), round(1.27 * height))
        axes = (round(WHEEL[0] * width), round(WHEEL[1] * height))
        cv2.ellipse(image, centre, axes, 0, 180, 360, 30, max(3, round(0.05 * width)), cv2.LINE_AA)
        cv2.ellipse(image, centre, axes, 0, 200, 340, 58, max(1, round(0.008 * width)), cv2.LINE_AA)

    def _places(self, corners: tuple[tuple[float, float], ...]) -> NDArray[np.int32]:
        return np.rint(np.array(corners) * self._size_px).astype(np.int32)


def _inside(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    image = np.full((height, width), 62, np.uint8)
    image[: round(0.12 * height)] = 128  # the roof's lining
    cv2.rectangle(image, (0, round(0.60 * height)), (width, height), 48, -1)
    bench = (round(0.14 * width), round(0.40 * height)), (round(0.86 * width), round(0.75 * height))
    cv2.rectangle(image, *bench, 54, -1)
    for x in (0.42, 0.84):
        _seat(image, x, width, height)
    for x in (0.165, 0.825):  # pillars
        cv2.line(
            image, (round(x * width), 0), (round((x + 0.02) * width), height), 84, round(0.035 * width), cv2.LINE_AA
        )
    soft = cv2.GaussianBlur(image, (0, 0), 0.006 * width).astype(np.float32)
    grain = rng.normal(0, 2.0, (height // 4 + 1, width // 4 + 1)).astype(np.float32)
    grained = soft + cv2.resize(grain, (width, height))
    return np.asarray(np.clip(grained, 0, 255), np.uint8)


def _seat(image: NDArray[np.uint8], x: float, width: int, height: int) -> None:
    """Draw a front seat with its head rest around *x*, in shares of the picture."""
    middle = round(x * width)
    back = (middle - round(0.21 * width), round(0.50 * height)), (middle + round(0.21 * width), height)
    cv2.rectangle(image, *back, 38, -1)
    cv2.ellipse(image, (middle, round(0.50 * height)), (round(0.21 * width), round(0.06 * height)), 0, 0, 360, 42, -1)
    rest = (middle, round(0.33 * height)), (round(0.135 * width), round(0.155 * height))
    cv2.ellipse(image, *rest, 0, 0, 360, 36, -1, cv2.LINE_AA)
    for side in (-1, 1):
        rod = middle + side * round(0.05 * width)
        cv2.line(image, (rod, round(0.45 * height)), (rod, round(0.52 * height)), 110, max(1, width // 160))


def _land(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Return sky, hills, trees and fields, whose right end goes on at its left one."""
    down = np.linspace(235, 205, height, dtype=np.float32)[:, None]
    land = np.repeat(down, width, axis=1).astype(np.uint8)
    turn = np.linspace(0, 2 * np.pi, width)
    hills = height * (0.36 + 0.02 * np.sin(2 * turn + rng.uniform(0, 6)) + 0.012 * np.sin(7 * turn + rng.uniform(0, 6)))
    rows = np.arange(height)[:, None]
    land[rows > hills[None, :]] = 168
    land[rows > hills[None, :] + 0.09 * height] = 148
    scale = width / LAND_PX
    for _ in range(46):
        x, foot = round(rng.uniform(0, width)), round(height * rng.uniform(0.40, 0.52))
        size = scale * rng.uniform(14, 46)
        tone = int(rng.uniform(70, 118))
        for wrapped in (x - width, x, x + width):
            cv2.line(land, (wrapped, foot), (wrapped, foot - round(size)), 62, max(1, round(0.12 * size)))
            crown = (wrapped, foot - round(1.4 * size)), (round(0.6 * size), round(0.85 * size))
            cv2.ellipse(land, *crown, 0, 0, 360, tone, -1, cv2.LINE_AA)
    # What passes is blurred.
    return np.asarray(cv2.blur(land, (max(1, round(5 * scale)), 3), borderType=cv2.BORDER_REFLECT), np.uint8)
