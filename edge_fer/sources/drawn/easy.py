"""The scene `easy`: faces that look straight at the camera, move, scale and change their expression."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.emotions import FER2013
from edge_fer.sources import Truth
from edge_fer.sources.drawn.expressions import EXPRESSIONS, FADE_S
from edge_fer.sources.drawn.face import PATCH_PX, draw_face, face_mask, haar_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.sources.drawn.expressions import Expression


class EasyScene:
    """Faces over a soft background with a little noise."""

    def __init__(
        self,
        rng: np.random.Generator,
        width_px: int,
        height_px: int,
        faces: int,
        hold_s: float,
        hidden_s: Sequence[tuple[float, float]],
    ) -> None:
        """Draw so many *faces*, each expression for *hold_s*, but none during each ``(start, end)`` of *hidden_s*."""
        self._hold_s = hold_s
        self._hidden_s = tuple(hidden_s)
        self._actors = _place_actors(rng, faces, width_px, height_px)
        self._mask = face_mask()
        self._background = _background(rng, width_px, height_px)
        # Four images of noise in turn: drawing new noise would take longer than drawing the faces.
        self._noise = rng.normal(0, 2.0, (4, height_px, width_px)).astype(np.int16)

    def draw(self, time_s: float, index: int) -> tuple[NDArray[np.uint8], tuple[Truth, ...]]:
        """Return the picture of *time_s*, of frame *index*, and the faces in it."""
        image = self._background.copy()
        truth = []
        hidden = any(start <= time_s < end for start, end in self._hidden_s)
        if not hidden:
            for person, actor in enumerate(self._actors):
                x, y, side = actor.place(time_s)
                self._paste(image, draw_face(actor.expression(time_s, self._hold_s)), x, y, side)
                truth.append(Truth(haar_box(x, y, side), actor.label(time_s, self._hold_s), person))
        # By the frame's number and not from the generator, so that frames can be drawn in any order.
        noisy = np.clip(image + self._noise[index % len(self._noise)], 0, 255).astype(np.uint8)
        return noisy, tuple(truth)

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


def _background(rng: np.random.Generator, width_px: int, height_px: int) -> NDArray[np.uint8]:
    # Soft mid-tones, in which the cascade finds nothing.
    coarse = rng.uniform(90, 150, (4, 5)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.uint8)
