"""A face as it is drawn: from the front, on a square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.boxes import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.sources.drawn.expressions import Expression

PATCH_PX: Final = 192
"""Side of the square on which a face is drawn before it is scaled into the frame."""
SKIN: Final = 175
"""Grey level of the skin for which the tones of the features are given."""


@dataclass(frozen=True)
class Look:
    """What makes one person look unlike another. Lengths are fractions of half the face's width, tones grey levels."""

    skin: float = SKIN
    hair: float = 43.0
    contrast: float = 1.0
    """How far the features are lighter and darker than the skin, relative to the drawing."""
    eye_gap: float = 0.30
    """From the middle of the face to an eye."""
    eye_height: float = -0.14
    mouth_height: float = 0.52
    nose_width: float = 0.07
    brow_px: int = 6
    """Thickness of the brows, in pixels of the square."""
    beard: float = 0.0
    """How dark the chin and the cheeks are, from 0 to 1."""
    glasses: float = 0.0
    """Tone of the rims below that of the skin; 0: no glasses."""

    def tone(self, drawn: float) -> int:
        """Return the tone of what is *drawn* on skin of `SKIN`, on this skin."""
        return int(np.clip(self.skin + (drawn - SKIN) * self.contrast, 0, 255))


DEFAULT_LOOK: Final = Look()
"""The person of the scene `easy`."""


def draw_face(expression: Expression) -> NDArray[np.uint8]:
    """Return a frontal face as a ``(PATCH_PX, PATCH_PX)`` uint8 patch, whose height the head fills.

    Its places, sizes and tones have two purposes: Haar's frontal-face cascade finds the face in every expression, and
    the models trained on votes see the expression that is drawn.
    """
    patch = np.full((PATCH_PX, PATCH_PX), 120, np.uint8)
    _ellipse(patch, 0, -0.12, 0.80, 1.00, round(DEFAULT_LOOK.hair))
    _ellipse(patch, 0, 0.08, 0.68, 0.90, SKIN)  # head
    _features(patch, expression, DEFAULT_LOOK)
    return np.asarray(cv2.GaussianBlur(patch, (0, 0), 2.0), np.uint8)


def draw_skin(expression: Expression, look: Look, *, eyes: bool = True) -> NDArray[np.uint8]:
    """Return the same face as `draw_face` as a texture: of *look*, and with skin instead of hair around it.

    Without *eyes*, skin is where they would be.
    """
    patch = np.full((PATCH_PX, PATCH_PX), look.tone(SKIN), np.uint8)
    if look.beard > 0:
        shade = look.tone(SKIN) + (look.hair - look.tone(SKIN)) * look.beard
        _ellipse(patch, 0, 0.72, 0.66, 0.42, round(shade))
    _features(patch, expression, look, eyes=eyes)
    if look.glasses > 0:
        _glasses(patch, look)
    return np.asarray(cv2.GaussianBlur(patch, (0, 0), 2.0), np.uint8)


def _features(patch: NDArray[np.uint8], expression: Expression, look: Look, *, eyes: bool = True) -> None:
    tone = look.tone
    _ellipse(patch, 0, -0.62, 0.52, 0.16, tone(SKIN + 12))  # forehead
    for side in (-1, 1):
        eye = side * look.eye_gap
        if eyes:
            _ellipse(patch, eye, look.eye_height - 0.03, 0.23, 0.14, tone(120))  # socket
        _ellipse(patch, side * 0.36, 0.22, 0.20, 0.16, tone(SKIN + 50 * expression.cheek))
        if eyes:
            # The white of the eye, then the iris, which is never taller than the eye is open.
            _ellipse(patch, eye, look.eye_height, 0.14, expression.eye_open, tone(210))
            _ellipse(patch, eye, look.eye_height, 0.09, min(0.08, expression.eye_open), 29)
        brow = look.eye_height - 0.22 - expression.brow_raise
        inner = _pixel(eye - side * 0.17, brow + expression.brow_tilt)
        outer = _pixel(eye + side * 0.18, brow - expression.brow_tilt * 0.3)
        cv2.line(patch, inner, outer, min(tone(46), round(look.hair) + 3), look.brow_px, cv2.LINE_AA)
        if expression.fold > 0:
            corner = _pixel(side * (expression.mouth_width + 0.10), look.mouth_height - 0.02)
            shade = tone(SKIN - 70 * expression.fold)
            cv2.line(patch, _pixel(side * 0.17, 0.20), corner, shade, 4, cv2.LINE_AA)
    _ellipse(patch, 0, 0.00, look.nose_width, 0.28, tone(225))  # bridge of the nose
    _ellipse(patch, 0, 0.27, look.nose_width + 0.08, 0.05, tone(160))  # its shadow
    _mouth(patch, expression, look)


def _mouth(patch: NDArray[np.uint8], expression: Expression, look: Look) -> None:
    # The line between the lips is a parabola; above and below it, half an ellipse is open.
    across = np.linspace(-1, 1, 15)
    middle = look.mouth_height - expression.mouth_curve * (across**2 - 0.5)
    open_ = expression.mouth_open * np.sqrt(np.maximum(0.0, 1 - across**2)) + 0.015
    x = across * expression.mouth_width
    outline = _between(x, middle - open_, middle + open_)
    cv2.fillPoly(patch, [outline], 33, cv2.LINE_AA)
    if expression.teeth > 0:
        teeth = _between(x, middle - open_, middle - open_ + 2 * open_ * expression.teeth)
        cv2.fillPoly(patch, [teeth], 225, cv2.LINE_AA)
    cv2.polylines(patch, [outline], True, look.tone(129), 3, cv2.LINE_AA)


def _glasses(patch: NDArray[np.uint8], look: Look) -> None:
    shade = max(0, round(look.skin - look.glasses))
    for side in (-1, 1):
        centre = _pixel(side * look.eye_gap, look.eye_height + 0.01)
        cv2.ellipse(patch, centre, (22, 17), 0, 0, 360, shade, 3, cv2.LINE_AA)
        temple = _pixel(side * (look.eye_gap + 0.23), look.eye_height)
        cv2.line(patch, temple, _pixel(side * 0.75, look.eye_height), shade, 3, cv2.LINE_AA)
    bridge = look.eye_gap - 0.23
    cv2.line(patch, _pixel(-bridge, look.eye_height), _pixel(bridge, look.eye_height), shade, 3, cv2.LINE_AA)


def _between(u: NDArray[np.float64], upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the ``(n, 2)`` outline, in pixels, of the area between two curves."""
    # Along the upper curve, and back along the lower one.
    outline_u = np.concatenate([u, u[::-1]])
    outline_v = np.concatenate([upper, lower[::-1]])
    return np.array([_pixel(u, v) for u, v in zip(outline_u, outline_v, strict=True)], np.int32)


def _pixel(u: float, v: float) -> tuple[int, int]:
    """Map face coordinates, -1 to 1 with 0 in the middle, to a pixel of the patch."""
    return round((u + 1) * PATCH_PX / 2), round((v + 1) * PATCH_PX / 2)


def _ellipse(patch: NDArray[np.uint8], u: float, v: float, half_width: float, half_height: float, tone: int) -> None:
    half_width_px = max(1, round(half_width * PATCH_PX / 2))
    half_height_px = max(1, round(half_height * PATCH_PX / 2))
    cv2.ellipse(patch, _pixel(u, v), (half_width_px, half_height_px), 0, 0, 360, tone, -1, cv2.LINE_AA)


def face_mask() -> NDArray[np.float32]:
    """Return the opacity of `draw_face`: 1 inside head and hair, falling to 0 around them."""
    mask = np.zeros((PATCH_PX, PATCH_PX), np.uint8)
    _ellipse(mask, 0, -0.06, 0.76, 0.92, 255)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 4.0) / 255, np.float32)


def haar_box(x: float, y: float, side: float) -> Box:
    """Return the box in which Haar's frontal-face cascade sees a drawn face."""
    # Both numbers are fits to the boxes that `HaarDetector` finds: their mean side, and how far below the middle of the
    # patch their centre lies on average.
    width = 0.926 * side
    return Box(x - width / 2, y + 0.027 * side - width / 2, width, width)
