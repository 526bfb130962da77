"""The face for cameras that are near: its eyes have lids that close, which networks for eyes need to see.

The eyes of `face` are two ellipses each, which Haar's cascades and the models know, but which never look closed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.sources.drawn.face import draw_skin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.sources.drawn.expressions import Expression
    from edge_fer.sources.drawn.face import Look

TEXTURE_PX: Final = 384
"""Side of the texture: twice that of `face`, or lids would be thinner than its pixels."""
HALF_WIDTH: Final = 0.15
"""From the middle of an eye to its corner, as a fraction of half the drawing's side."""
OPEN: Final = 0.055
"""`Expression.eye_open` of an open eye: half its height, with which height and width are as 0.37 to 1."""
UPPER_SHARE: Final = 0.7
"""Share of the opening that lies above the line between the corners; so much further does the upper lid go."""
IRIS: Final = 0.062
PUPIL: Final = 0.026
FINE_BITS: Final = 4
BLUR_PX: Final = 1.0

_ACROSS: Final = np.linspace(-1.0, 1.0, 33)
"""Places along a lid, from corner to corner."""


def draw_fine_skin(expression: Expression, look: Look) -> NDArray[np.uint8]:
    """Return `face.draw_skin` with finer eyes, ``(TEXTURE_PX, TEXTURE_PX)`` uint8.

    Half the opening's height is ``expression.eye_open``: `OPEN` is open, 0 closed.
    """
    texture = _canvas(replace(expression, eye_open=0.0), look).copy()
    for side in (-1, 1):
        _eye(texture, side, expression.eye_open, look)
        around = _around(side * look.eye_gap, look.eye_height)
        texture[around] = cv2.GaussianBlur(texture[around], (0, 0), BLUR_PX)
    return texture


def draw_sunglasses(expression: Expression, look: Look) -> NDArray[np.uint8]:
    """Return the same face behind dark glasses."""
    texture = _canvas(replace(expression, eye_open=0.0), look).copy()
    for side in (-1, 1):
        centre = side * (look.eye_gap + 0.01)
        outline = _lens(centre, look.eye_height + 0.02)
        cv2.fillPoly(texture, [outline], 24, cv2.LINE_AA, FINE_BITS)
        # The sky in the glass.
        glint = _points(centre - 0.12 + 0.1 * _ACROSS, look.eye_height - 0.05 - 0.02 * _ACROSS)
        cv2.polylines(texture, [glint], False, 62, 3, cv2.LINE_AA, FINE_BITS)
        temple = _points(np.array([side * 0.5, side * 0.8]), np.array([look.eye_height - 0.04] * 2))
        cv2.polylines(texture, [temple], False, 24, 8, cv2.LINE_AA, FINE_BITS)
    bridge = _points(0.12 * _ACROSS, look.eye_height - 0.05 - 0.02 * (1 - _ACROSS**2))
    cv2.polylines(texture, [bridge], False, 24, 6, cv2.LINE_AA, FINE_BITS)
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), BLUR_PX), np.uint8)


@lru_cache(maxsize=4)
def _canvas(expression: Expression, look: Look) -> NDArray[np.uint8]:
    """Return the face without its eyes. Kept, since mostly it is the eyes that move."""
    skin = draw_skin(expression, look, eyes=False)
    return np.asarray(cv2.resize(skin, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_CUBIC), np.uint8)


def _eye(texture: NDArray[np.uint8], side: int, opened: float, look: Look) -> None:
    u, v = side * look.eye_gap, look.eye_height + 0.01
    bow = 1 - _ACROSS**2
    x = u + HALF_WIDTH * _ACROSS
    # A closed eye is a line that hangs a little: the upper lid comes down to the lower one.
    upper = v + 0.02 - (2 * opened * UPPER_SHARE + 0.02 * (opened > 0) - 0.02) * bow
    lower = v + 0.02 + 0.02 * bow + (2 * opened * (1 - UPPER_SHARE) - 0.02 * min(1.0, opened / OPEN)) * bow
    upper = np.minimum(upper, lower)
    _socket(texture, u, v, look)
    if opened > 0:
        _ball(texture, u, v, _points(np.concatenate([x, x[::-1]]), np.concatenate([upper, lower[::-1]])), look)
    # The fold of the upper lid is gone when it is closed.
    fold = v - 0.075 - 0.03 * bow + 0.03 * (1 - min(1.0, opened / OPEN)) * bow
    cv2.polylines(texture, [_points(x, fold)], False, look.tone(138), 2, cv2.LINE_AA, FINE_BITS)
    lashes = min(look.tone(60), 70)
    cv2.polylines(texture, [_points(x, lower)], False, look.tone(125), 1, cv2.LINE_AA, FINE_BITS)
    cv2.polylines(texture, [_points(x, upper)], False, lashes, 4, cv2.LINE_AA, FINE_BITS)


def _socket(texture: NDArray[np.uint8], u: float, v: float, look: Look) -> None:
    """Darken the skin around an eye, softly."""
    region = texture[_around(u, v)]
    across = np.linspace(-1, 1, len(region), dtype=np.float32)
    fall = np.exp(-4.0 * (across[None, :] ** 2 + 1.8 * across[:, None] ** 2))
    region[:] = np.clip(region - (look.tone(175) - look.tone(143)) * fall, 0, 255)


def _around(u: float, v: float) -> tuple[slice, slice]:
    """Return the rows and the columns of the texture that an eye takes."""
    to_pixel = TEXTURE_PX / 2
    side = round(0.29 * to_pixel)
    row, column = round((v - 0.02 + 1) * to_pixel), round((u + 1) * to_pixel)
    return slice(row - side, row + side), slice(column - side, column + side)


def _ball(texture: NDArray[np.uint8], u: float, v: float, outline: NDArray[np.int32], look: Look) -> None:
    """Draw white, iris and pupil of an eye where the lids, *outline*, leave it open."""
    mask = np.zeros_like(texture)
    cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA, FINE_BITS)
    part = _around(u, v)
    ball = np.full_like(texture, min(235, look.tone(205)))
    centre = _point(u, v - 0.002)
    for radius, tone in ((IRIS, 62), (PUPIL, 18)):
        cv2.circle(ball, centre, _length(radius), tone, -1, cv2.LINE_AA, FINE_BITS)
    cv2.circle(ball, _point(u + 0.02, v - 0.026), _length(0.011), 245, -1, cv2.LINE_AA, FINE_BITS)
    share = mask[part].astype(np.float32) / 255
    texture[part] = texture[part] * (1 - share) + ball[part] * share


def _lens(u: float, v: float) -> NDArray[np.int32]:
    turn = np.linspace(0, 2 * np.pi, 48)
    # Between an ellipse and a rectangle.
    x = 0.235 * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.6
    y = 0.165 * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.7
    return _points(u + x, v + y)


def _point(u: float, v: float) -> tuple[int, int]:
    """Map face coordinates, as in `face`, to a place of the texture, in 16ths of its pixels."""
    return _length(u + 1), _length(v + 1)


def _points(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint((np.stack([u, v], axis=1) + 1) * (TEXTURE_PX / 2 * (1 << FINE_BITS))).astype(np.int32)


def _length(share: float) -> int:
    return round(share * TEXTURE_PX / 2 * (1 << FINE_BITS))
