"""The synthetic camera: drawn faces that move, scale and change their expression, and that Haar's cascade finds.

Demos, tests and default benchmarks use it. It needs no hardware and no picture of anybody, draws the same frames for
the same seed, and knows where each face is and what it expresses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.sources import Frame, SourceBase, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

PATCH_PX: Final = 192
"""Side of the square on which a face is drawn before it is scaled into the frame."""
SKIN: Final = 175
"""Grey level of the head; its features are lighter and darker."""
FADE_S: Final = 0.3
"""How long an expression takes to change into the next one."""


@dataclass(frozen=True)
class Expression:
    """The parts of a drawn face. Lengths are fractions of half the face's width."""

    brow_raise: float = 0.0
    brow_tilt: float = 0.0
    """Positive: inner ends down, as in anger."""
    eye_open: float = 0.11
    mouth_curve: float = 0.0
    """Positive: corners up."""
    mouth_open: float = 0.02
    mouth_width: float = 0.32
    teeth: float = 0.0
    """How much of the open mouth the upper teeth fill, from 0 to 1."""
    fold: float = 0.0
    """Depth of the folds from the nose to the corners of the mouth, from 0 to 1."""

    def toward(self, other: Expression, weight: float) -> Expression:
        """Return the expression between this one and *other*: *weight* 0 is this one, 1 the other."""
        blended = {}
        for field in fields(self):
            start = getattr(self, field.name)
            blended[field.name] = start + weight * (getattr(other, field.name) - start)
        return Expression(**blended)


EXPRESSIONS: Final = {
    "angry": Expression(
        brow_raise=-0.06,
        brow_tilt=0.17,
        eye_open=0.19,
        mouth_curve=-0.2,
        mouth_open=0.12,
        mouth_width=0.39,
        teeth=0.5,
    ),
    "disgust": Expression(
        brow_raise=0.14, brow_tilt=0.12, eye_open=0.03, mouth_curve=-0.12, mouth_open=0.0, mouth_width=0.24, fold=1.0
    ),
    "fear": Expression(
        brow_raise=-0.1,
        brow_tilt=-0.07,
        eye_open=0.08,
        mouth_curve=-0.05,
        mouth_open=0.11,
        mouth_width=0.46,
        teeth=0.15,
    ),
    "happy": Expression(
        brow_raise=-0.04,
        brow_tilt=0.03,
        eye_open=0.03,
        mouth_curve=0.22,
        mouth_open=0.01,
        mouth_width=0.35,
        fold=0.17,
    ),
    "sad": Expression(
        brow_raise=-0.1,
        brow_tilt=-0.12,
        eye_open=0.03,
        mouth_curve=-0.2,
        mouth_open=0.12,
        mouth_width=0.35,
        teeth=0.8,
        fold=0.6,
    ),
    "surprise": Expression(
        brow_raise=0.14,
        brow_tilt=-0.03,
        eye_open=0.18,
        mouth_curve=0.1,
        mouth_open=0.1,
        mouth_width=0.16,
    ),
    "neutral": Expression(
        brow_raise=-0.1,
        brow_tilt=0.04,
        eye_open=0.03,
        mouth_curve=-0.04,
        mouth_open=0.0,
        mouth_width=0.3,
    ),
}
"""What the seven expressions look like. The numbers were searched for, so that Haar's cascade finds every face and the
models trained on votes name it as it is drawn. Disgust has their highest score, but often too low a one for a name."""


def draw_face(expression: Expression) -> NDArray[np.uint8]:
    """Return a frontal face as a ``(PATCH_PX, PATCH_PX)`` uint8 patch, whose height the head fills.

    Its places, sizes and tones have two purposes: Haar's frontal-face cascade finds the face in every expression, and
    the models trained on votes see the expression that is drawn.
    """
    patch = np.full((PATCH_PX, PATCH_PX), 120, np.uint8)
    _ellipse(patch, 0, -0.12, 0.80, 1.00, 43)  # hair
    _ellipse(patch, 0, 0.08, 0.68, 0.90, SKIN)  # head
    _ellipse(patch, 0, -0.62, 0.52, 0.16, SKIN + 12)  # forehead
    for side in (-1, 1):
        _ellipse(patch, side * 0.30, -0.17, 0.23, 0.14, 120)  # socket
        _ellipse(patch, side * 0.36, 0.22, 0.20, 0.16, 225)  # cheek
        # The white of the eye, then the iris, which is never taller than the eye is open.
        _ellipse(patch, side * 0.30, -0.14, 0.14, expression.eye_open, 210)
        _ellipse(patch, side * 0.30, -0.14, 0.09, min(0.08, expression.eye_open), 29)
        brow = -0.36 - expression.brow_raise
        inner = _pixel(side * 0.13, brow + expression.brow_tilt)
        outer = _pixel(side * 0.48, brow - expression.brow_tilt * 0.3)
        cv2.line(patch, inner, outer, 46, 6, cv2.LINE_AA)
        if expression.fold > 0:
            corner = _pixel(side * (expression.mouth_width + 0.10), 0.50)
            cv2.line(patch, _pixel(side * 0.17, 0.20), corner, round(SKIN - 70 * expression.fold), 4, cv2.LINE_AA)
    _ellipse(patch, 0, 0.00, 0.07, 0.28, 225)  # bridge of the nose
    _ellipse(patch, 0, 0.27, 0.15, 0.05, 160)  # its shadow
    _mouth(patch, expression)
    return np.asarray(cv2.GaussianBlur(patch, (0, 0), 2.0), np.uint8)


def _mouth(patch: NDArray[np.uint8], expression: Expression) -> None:
    # The line between the lips is a parabola; above and below it, half an ellipse is open.
    across = np.linspace(-1, 1, 15)
    middle = 0.52 - expression.mouth_curve * (across**2 - 0.5)
    open_ = expression.mouth_open * np.sqrt(np.maximum(0.0, 1 - across**2)) + 0.015
    x = across * expression.mouth_width
    outline = _between(x, middle - open_, middle + open_)
    cv2.fillPoly(patch, [outline], 33, cv2.LINE_AA)
    if expression.teeth > 0:
        teeth = _between(x, middle - open_, middle - open_ + 2 * open_ * expression.teeth)
        cv2.fillPoly(patch, [teeth], 225, cv2.LINE_AA)
    cv2.polylines(patch, [outline], True, 129, 3, cv2.LINE_AA)


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


def _mask() -> NDArray[np.float32]:
    """Return the patch's opacity: 1 inside head and hair, falling to 0 around them."""
    mask = np.zeros((PATCH_PX, PATCH_PX), np.uint8)
    _ellipse(mask, 0, -0.06, 0.76, 0.92, 255)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 4.0) / 255, np.float32)


class _Actor:
    """The path, size and expressions of one face as functions of time. All chance lies in the seed."""

    def __init__(self, rng: np.random.Generator, cell: Box, side_px: tuple[float, float]) -> None:
        self._cell = cell
        self._side_px = side_px
        self._phase = rng.uniform(0, 2 * math.pi, 3)
        self._rate = rng.uniform((0.5, 0.4, 0.25), (0.9, 0.7, 0.5))  # radians a second
        # Every label once a round, in an order of the face's own.
        self._order = rng.permutation(len(FER2013))

    def label(self, time_s: float, hold_s: float) -> str:
        return FER2013[self._order[int(time_s / hold_s) % len(self._order)]]

    def expression(self, time_s: float, hold_s: float) -> Expression:
        """Return the face's expression: each fades in during the first `FADE_S` of its turn."""
        present = EXPRESSIONS[self.label(time_s, hold_s)]
        if time_s < hold_s:  # nothing came before the first one
            return present
        previous = EXPRESSIONS[self.label(time_s - hold_s, hold_s)]
        return previous.toward(present, min(1.0, (time_s % hold_s) / FADE_S))

    def place(self, time_s: float) -> tuple[float, float, float]:
        """Return x and y of the patch's centre, and its side, in pixels."""
        # Three sines with phases and rates of their own: x, y and size.
        swing = np.sin(self._phase + self._rate * time_s)
        low, high = self._side_px
        side = low + (high - low) * (swing[2] + 1) / 2
        free_x = max(0.0, self._cell.width - side) / 2
        free_y = max(0.0, self._cell.height - side) / 2
        x = self._cell.x + self._cell.width / 2 + swing[0] * free_x * 0.9
        y = self._cell.y + self._cell.height / 2 + swing[1] * free_y * 0.9
        return x, y, side


class SyntheticCamera(SourceBase):
    """Drawn faces over a soft background with sensor noise, grey uint8. The same arguments give the same frames.

    Each of *faces* changes its expression every *hold_s*. During each ``(start, end)`` of *hidden_s* no face is drawn.
    With *frames* None the source never ends. Raises `BadInput` for a scene that cannot be drawn.
    """

    def __init__(
        self,
        *,
        width_px: int = 640,
        height_px: int = 480,
        fps: float = 30.0,
        frames: int | None = None,
        faces: int = 1,
        hold_s: float = 3.0,
        hidden_s: Sequence[tuple[float, float]] = (),
        seed: int = 0,
    ) -> None:
        if min(width_px, height_px) < 32 or fps <= 0 or faces < 0 or hold_s <= 0:
            raise BadInput(
                f"synthetic camera of {width_px}x{height_px} px, {fps} frames a second, {faces} faces held {hold_s} s; "
                "pass at least 32x32 px, positive times and no negative count"
            )
        rng = np.random.default_rng(seed)
        self.fps = fps
        self._frames = frames
        self._hold_s = hold_s
        self._hidden_s = tuple(hidden_s)
        self._actors = _place_actors(rng, faces, width_px, height_px)
        self._mask = _mask()
        self._scene = _scene(rng, width_px, height_px)
        # Four images of noise in turn: drawing new noise would take longer than drawing the faces.
        self._noise = rng.normal(0, 2.0, (4, height_px, width_px)).astype(np.int16)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames as fast as they are asked for."""
        index = 0
        while self._frames is None or index < self._frames:
            yield self.frame(index)
            index += 1

    def frame(self, index: int) -> Frame:
        """Return frame *index*. Any frame can be drawn at any time."""
        time_s = index / self.fps
        image = self._scene.copy()
        truth = []
        hidden = any(start <= time_s < end for start, end in self._hidden_s)
        if not hidden:
            for actor in self._actors:
                x, y, side = actor.place(time_s)
                self._paste(image, draw_face(actor.expression(time_s, self._hold_s)), x, y, side)
                truth.append(Truth(_haar_box(x, y, side), actor.label(time_s, self._hold_s)))
        # By the frame's number and not from the generator, so that frames can be drawn in any order.
        noisy = np.clip(image + self._noise[index % len(self._noise)], 0, 255).astype(np.uint8)
        return Frame(noisy, time_s, index, "synthetic", tuple(truth))

    def _paste(self, image: NDArray[np.uint8], patch: NDArray[np.uint8], x: float, y: float, side: float) -> None:
        """Scale *patch* to *side* and blend it into *image* around ``(x, y)``, to a fraction of a pixel."""
        x0 = max(0, math.floor(x - side / 2))
        y0 = max(0, math.floor(y - side / 2))
        x1 = min(image.shape[1], math.ceil(x + side / 2))
        y1 = min(image.shape[0], math.ceil(y + side / 2))
        if x1 <= x0 or y1 <= y0:
            return
        # A fraction of a pixel matters: whole steps would make the face jump, and the tracker with it.
        scale = side / PATCH_PX
        matrix = np.array([[scale, 0, x - side / 2 - x0], [0, scale, y - side / 2 - y0]])
        size = x1 - x0, y1 - y0
        face = cv2.warpAffine(patch, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        opacity = cv2.warpAffine(self._mask, matrix, size)
        region = image[y0:y1, x0:x1]
        region[:] = region + opacity * (face.astype(np.float32) - region)


def _place_actors(rng: np.random.Generator, count: int, width_px: int, height_px: int) -> list[_Actor]:
    """Return *count* actors, each with a cell of a grid to move in and a range of sizes that fits it."""
    if count == 0:
        return []
    # As many columns and rows as make the cells nearly square.
    columns = math.ceil(math.sqrt(count * width_px / height_px))
    rows = math.ceil(count / columns)
    width = width_px / columns
    height = height_px / rows
    largest = min(width, height) * 0.9
    # A single face of a 640x480 frame is 121 to 202 px large: well above the detector's 64 px, with space left to move.
    # Several faces fill their cells, or they would be too small for the detector's default.
    sides = (largest * 0.42, largest * 0.70) if count == 1 else (largest * 0.85, largest)
    actors = []
    for number in range(count):
        row, column = divmod(number, columns)
        actors.append(_Actor(rng, Box(column * width, row * height, width, height), sides))
    return actors


def _scene(rng: np.random.Generator, width_px: int, height_px: int) -> NDArray[np.uint8]:
    # Soft mid-tones, in which the cascade finds nothing.
    coarse = rng.uniform(90, 150, (4, 5)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.uint8)


def _haar_box(x: float, y: float, side: float) -> Box:
    """Return the box in which Haar's frontal-face cascade sees a drawn face."""
    # Both numbers are fits to the boxes that `HaarDetector` finds: their mean side, and how far below the middle of the
    # patch their centre lies on average.
    width = 0.926 * side
    return Box(x - width / 2, y + 0.027 * side - width / 2, width, width)
