"""Results drawn into a picture: a box around each face, its state on a filled ground, its number apart from it.

Line widths and letters grow with the picture, so that they look alike at 320x240 and in 4K.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cv2
import numpy as np

from edge_fer.emotions import UNKNOWN, meaning
from edge_fer.preprocess import to_gray
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.records import FaceRecord, Record
    from edge_fer.sources import Frame

Colour = tuple[int, int, int]
"""Blue, green and red, as OpenCV has them."""

INK: Final[Colour] = (20, 15, 10)
"""Of letters on a state's colour. Each of `COLOURS` has a contrast of at least 7 to it (WCAG 2.2, level AAA)."""
PAPER: Final[Colour] = (247, 243, 237)
"""Of a number, on `INK`."""
COLOURS: Final[Mapping[str, Colour]] = {
    "angry": (115, 125, 255),
    "disgust": (85, 204, 178),
    "fear": (255, 160, 198),
    "happy": (91, 205, 245),
    "sad": (255, 182, 112),
    "surprise": (197, 144, 255),
    "neutral": (198, 185, 169),
    "contempt": (210, 214, 111),
    UNKNOWN: (193, 180, 163),
}
"""By state, those of the appliance's page on a dark ground. A label of other models has one by its place."""
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
FONT_PX: Final = 22
"""Height of the font's capitals at scale 1, in pixels."""
LEAST_LETTER_PX: Final = 8.0
"""Height of capitals below which this font cannot be read."""
LETTER_SHARES: Final = (1 / 44, 1 / 30)
"""Least and greatest height of capitals, as a share of the shorter side of the picture: what fits the face between."""
NUMBER_SIZE: Final = 0.8
"""Size of the letters of a face's number, as a share of those of its state."""
LETTERS_A_FACE: Final = 9.0
"""So many capitals would stand on one another beside a face."""
LEAST_SIDE_PX: Final = 120
"""A smaller picture, such as a cropped face of a data set, is enlarged: no words would fit into it."""


class _Tag(NamedTuple):
    """A line of text on a filled ground."""

    text: str
    ink: Colour
    ground: Colour
    scale: float
    """Of `FONT`."""
    stroke_px: int
    width_px: int
    height_px: int
    pad_px: int

    @classmethod
    def of(cls, text: str, ink: Colour, ground: Colour, letter_px: float, most_px: int) -> _Tag:
        """Return the tag of *text*, with letters of *letter_px*, or smaller ones if it is wider than *most_px*."""
        scale = letter_px / FONT_PX
        tag = cls._sized(text, ink, ground, scale)
        if tag.width_px > most_px:
            smallest = LEAST_LETTER_PX / FONT_PX
            tag = cls._sized(text, ink, ground, max(smallest, scale * most_px / tag.width_px))
        return tag

    @classmethod
    def _sized(cls, text: str, ink: Colour, ground: Colour, scale: float) -> _Tag:
        letter_px = scale * FONT_PX
        stroke_px = max(1, round(letter_px / 10))
        pad_px = max(2, round(letter_px * 0.4))
        (width_px, height_px), _ = cv2.getTextSize(text, FONT, scale, stroke_px)
        return cls(text, ink, ground, scale, stroke_px, width_px + 2 * pad_px, height_px + 2 * pad_px, pad_px)

    def draw(self, canvas: NDArray[np.uint8], left: int, top: int) -> None:
        """Draw it with its upper left corner at *left*, *top*, moved into the picture where it would leave it."""
        height, width = canvas.shape[:2]
        left = max(0, min(left, width - self.width_px))
        top = max(0, min(top, height - self.height_px))
        right = left + self.width_px - 1
        bottom = top + self.height_px - 1
        cv2.rectangle(canvas, (left, top), (right, bottom), self.ground, cv2.FILLED)
        baseline = left + self.pad_px, bottom - self.pad_px
        cv2.putText(canvas, self.text, baseline, FONT, self.scale, self.ink, self.stroke_px, cv2.LINE_AA)


def annotate(frame: Frame, record: Record) -> NDArray[np.uint8]:
    """Return a copy of *frame* as BGR ``(height, width, 3)`` uint8 with each face's box, state, score and number.

    Of a frame that was decoded reduced, the copy is of the reduced size. One with a side below `LEAST_SIDE_PX` is
    enlarged by a whole number.
    """
    canvas, enlarged = _enlarged(_in_colour(frame.image))
    scale = enlarged / frame.reduced
    placed = [(face, face.box.times(scale), _colour(face.state, record.labels)) for face in record.faces]
    # First all boxes: no line may go through the words about a neighbour.
    for _, box, colour in placed:
        _draw_box(canvas, box, colour)
    for face, box, colour in placed:
        _draw_words(canvas, face, box, colour)
    return canvas


def _in_colour(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a copy of *image* that can be drawn into: in colour, since boxes in grey frames are coloured, too."""
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return image.copy()
    return np.asarray(cv2.cvtColor(to_gray(image), cv2.COLOR_GRAY2BGR), np.uint8)


def _enlarged(canvas: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Return *canvas* with sides of at least `LEAST_SIDE_PX`, and by how much it was enlarged."""
    factor = math.ceil(LEAST_SIDE_PX / min(canvas.shape[:2]))
    if factor <= 1:
        return canvas, 1
    height, width = canvas.shape[:2]
    size = width * factor, height * factor
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_CUBIC), np.uint8), factor


def _colour(state: str, labels: tuple[str, ...]) -> Colour:
    known = COLOURS.get(meaning(state))
    if known is not None:
        return known
    colours = list(COLOURS.values())
    return colours[labels.index(state) % len(colours)] if state in labels else COLOURS[UNKNOWN]


def _draw_box(canvas: NDArray[np.uint8], box: Box, colour: Colour) -> None:
    x, y, width, height = (round(value) for value in box)
    line_px = _line_px(canvas)
    # A dark line around it, so that it is seen before bright hair as well.
    outer = line_px + 2 * math.ceil(line_px / 2)
    cv2.rectangle(canvas, (x, y), (x + width, y + height), INK, outer)
    cv2.rectangle(canvas, (x, y), (x + width, y + height), colour, line_px)


def _draw_words(canvas: NDArray[np.uint8], face: FaceRecord, box: Box, colour: Colour) -> None:
    """Draw what a face shows above its box, or below where there is no room, and its number apart from that."""
    x, y, width, height = (round(value) for value in box)
    letter_px = _letter_px(canvas, box)
    half_px = math.ceil(_line_px(canvas) / 2)
    left, right = x - half_px, x + width + half_px
    top, bottom = y - half_px, y + height + half_px
    text = face.state if face.state == UNKNOWN else f"{face.state} {face.smoothed.max():.0%}"
    state = _Tag.of(printable(text), INK, colour, letter_px, canvas.shape[1])
    number = _Tag.of(f"#{face.track}", PAPER, INK, letter_px * NUMBER_SIZE, canvas.shape[1])
    is_above = top >= state.height_px
    # Where there is room neither above nor below, the words stand inside, at the lower edge.
    is_inside = not is_above and bottom + state.height_px > canvas.shape[0]
    state.draw(canvas, left, top - state.height_px if is_above else bottom)
    if number.width_px > width / 2:  # it would hide the face
        number.draw(canvas, right, bottom - number.height_px)
    else:
        inner = right - 2 * half_px - number.width_px
        number.draw(canvas, inner, y + half_px if is_inside else bottom - 2 * half_px - number.height_px)


def _line_px(canvas: NDArray[np.uint8]) -> int:
    """Return the width of a line: 2 px at 640x480, in proportion at other sizes."""
    return max(1, round(_side_px(canvas) / 240))


def _letter_px(canvas: NDArray[np.uint8], box: Box) -> float:
    """Return the height of capitals in the words about the face in *box*."""
    least, greatest = (share * _side_px(canvas) for share in LETTER_SHARES)
    return max(LEAST_LETTER_PX, least, min(greatest, box.width / LETTERS_A_FACE))


def _side_px(canvas: NDArray[np.uint8]) -> int:
    """Return the shorter side of *canvas*."""
    return int(min(canvas.shape[:2]))
