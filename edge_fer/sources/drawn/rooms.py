"""Rooms: what stands and hangs behind the people, some of which a face detector mistakes for a face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

THING_PX: Final = 160
"""Side of the square on which a thing is drawn before it is scaled into the room."""


def draw_thing(kind: str, seed: int) -> NDArray[np.uint8]:
    """Return a thing of the room as ``(THING_PX, THING_PX)`` uint8, the same for the same *seed*."""
    rng = np.random.default_rng(seed)
    thing = np.full((THING_PX, THING_PX), int(rng.uniform(90, 160)), np.uint8)
    DRAWERS[kind](thing, rng)
    return np.asarray(cv2.GaussianBlur(thing, (0, 0), 1.5), np.uint8)


def _shelf(thing: NDArray[np.uint8], rng: np.random.Generator) -> None:
    thing[:] = int(rng.uniform(30, 70))
    board = int(rng.uniform(110, 190))
    rows = int(rng.integers(2, 4))
    height = THING_PX // rows
    for row in range(rows):
        floor = (row + 1) * height
        x = 4
        while x < THING_PX - 8:
            width = int(rng.integers(7, 24))
            top = floor - int(rng.uniform(0.45, 0.9) * height)
            if rng.random() < 0.88:  # else a gap
                cv2.rectangle(thing, (x, top), (x + width - 2, floor), int(rng.uniform(40, 220)), -1)
                label = top + int(rng.uniform(0.1, 0.5) * height)
                cv2.rectangle(thing, (x + 2, label), (x + width - 4, label + 6), int(rng.uniform(40, 220)), -1)
            x += width
        cv2.rectangle(thing, (0, floor - 5), (THING_PX, floor), board, -1)


def _folds(thing: NDArray[np.uint8], rng: np.random.Generator) -> None:
    # Waves across waves: cloth that hangs.
    across, down = np.meshgrid(np.linspace(0, 1, THING_PX), np.linspace(0, 1, THING_PX))
    cloth = np.full((THING_PX, THING_PX), rng.uniform(100, 150))
    for _ in range(int(rng.integers(3, 7))):
        angle = rng.uniform(-0.9, 0.9)
        bend = rng.uniform(-0.4, 0.4) * np.sin(rng.uniform(1, 5) * down + rng.uniform(0, 6))
        along = across * np.cos(angle) + down * np.sin(angle) + bend
        cloth += rng.uniform(10, 35) * np.sin(2 * np.pi * rng.uniform(0.8, 4) * along + rng.uniform(0, 6))
    thing[:] = np.clip(cloth, 0, 255).astype(np.uint8)


def _window(thing: NDArray[np.uint8], rng: np.random.Generator) -> None:
    thing[:] = int(rng.uniform(40, 110))
    frame = int(rng.uniform(50, 230))
    cv2.rectangle(thing, (14, 8), (THING_PX - 14, THING_PX - 8), int(rng.uniform(120, 235)), -1)
    # What is outside.
    for _ in range(int(rng.integers(2, 7))):
        centre = (int(rng.uniform(20, THING_PX - 20)), int(rng.uniform(20, THING_PX - 20)))
        axes = (int(rng.uniform(8, 40)), int(rng.uniform(6, 30)))
        cv2.ellipse(thing, centre, axes, rng.uniform(0, 180), 0, 360, int(rng.uniform(50, 230)), -1)
    middle = THING_PX // 2 + int(rng.integers(-12, 13))
    bar = int(rng.uniform(0.3, 0.6) * THING_PX)
    width = int(rng.integers(4, 12))
    cv2.rectangle(thing, (14, 8), (THING_PX - 14, THING_PX - 8), frame, width)
    cv2.line(thing, (middle, 8), (middle, THING_PX - 8), frame, width)
    cv2.line(thing, (14, bar), (THING_PX - 14, bar), frame, width)


def _picture(thing: NDArray[np.uint8], rng: np.random.Generator) -> None:
    # Patches of paint in a frame.
    for _ in range(int(rng.integers(8, 22))):
        centre = (int(rng.uniform(0, THING_PX)), int(rng.uniform(0, THING_PX)))
        axes = (int(rng.uniform(6, 45)), int(rng.uniform(4, 30)))
        cv2.ellipse(thing, centre, axes, rng.uniform(0, 180), 0, 360, int(rng.uniform(30, 230)), -1)
    cv2.rectangle(thing, (4, 4), (THING_PX - 4, THING_PX - 4), int(rng.uniform(20, 90)), 8)


DRAWERS: Final[dict[str, Callable[[NDArray[np.uint8], np.random.Generator], None]]] = {
    "shelf": _shelf,
    "folds": _folds,
    "window": _window,
    "picture": _picture,
}


PHANTOMS: Final = (
    ("window", 996),
    ("window", 1633),
    ("window", 1636),
    ("window", 2743),
    ("window", 3236),
    ("window", 4093),
    ("picture", 1915),
    ("picture", 2293),
    ("picture", 2368),
    ("picture", 3059),
    ("picture", 3309),
)
"""Things, by kind and seed, that OpenCV's cascade `frontalface_default` takes for a face in most sizes and lights, and
`frontalface_alt2` hardly ever. Found by chance in 20,000."""


def draw_room(
    rng: np.random.Generator, width_px: int, height_px: int, phantom: tuple[str, int] | None
) -> NDArray[np.uint8]:
    """Return an empty room, grey ``(height_px, width_px)`` uint8, with *phantom*, kind and seed, among its things."""
    coarse = rng.uniform(70, 160, (4, 5)).astype(np.float32)
    room = cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    scale = min(width_px / 640, height_px / 480)
    # Left and right in turn, since people are mostly in the middle.
    slots = rng.permutation([(0.02, 0.05), (0.72, 0.04), (0.02, 0.5), (0.73, 0.5), (0.37, 0.0)])
    kinds = list(DRAWERS)
    for number, (x, y) in enumerate(slots):
        if number == 0 and phantom is not None:
            kind, seed = phantom
        elif rng.random() < 0.6:
            kind, seed = kinds[int(rng.integers(len(kinds)))], int(rng.integers(1_000_000))
        else:
            continue
        side = round(scale * THING_PX * rng.uniform(0.75, 1.15))
        left = round(x * width_px + rng.uniform(0, 0.03) * width_px)
        top = round(y * height_px + rng.uniform(0, 0.06) * height_px)
        thing = cv2.resize(draw_thing(kind, seed), (side, side), interpolation=cv2.INTER_AREA)
        region = room[top : top + side, left : left + side]
        region[:] = thing[: region.shape[0], : region.shape[1]]
    return np.asarray(room, np.uint8)
