"""Why is there no face? Looks at a picture in which nobody was found, and says what a person can do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

from edge_fer.detectors import MIN_FACE_PX, SURE
from edge_fer.sources.options import View
from edge_fer.sources.transform import turned

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer.detectors import Detector

DARK_P95: Final = 40
"""In a dark picture, all but 5 % of the pixels are no brighter. Of 64 pictures in which a face was found, dimmed to
0.15 of their light, it was found in 5, where this value was 28 to 36; of 233 without anybody none has less than 52."""
WHITE: Final = 250
"""Pixels from this value on are white."""
WHITE_SHARE: Final = 0.8
"""Least share of them in an overexposed picture."""
WHITE_P10: Final = 200
"""In an overexposed picture, all but 10 % of the pixels are brighter. A page with text or drawings is as white, but
has more that is dark."""
TURNED_SURE: Final = 0.6
"""Least confidence of a face in the turned picture. With `SURE`, one of 263 pictures without a face that is found was
said to be turned, with this none; of 233 that were turned, 183 are recognised, each with the right angle."""
SMALLEST_PX: Final = 24
"""No detector finds smaller faces."""
SIZE_STEP: Final = 1.2
"""Ratio of the sizes at which faces are searched for: a face that was too small may seem to be larger by so much."""
MAX_ENLARGED_PX: Final = 4_000_000
"""Largest picture in which smaller faces are searched for: such a search takes 50 bytes a pixel."""
CROPPED_FACES: Final = 4
"""Shorter side of a picture, in smallest faces, up to which it may be a cropped face."""
FRAMED_PX: Final = 144
"""Shorter side of a picture when it is searched for one face that fills it, within an edge of `FRAME_PX`."""
FRAME_PX: Final = 48
FILLS: Final = 0.5
"""Least side of such a face, as a share of the picture's shorter one."""
MAX_ASPECT: Final = 1.5
"""Largest ratio of the longer to the shorter side of a cropped face. Lines of text are longer."""


class Reason(StrEnum):
    """Why there is no face in a picture."""

    DARK = "dark"
    WHITE = "white"
    TURNED_90 = "90"
    """Turned clockwise by so much, it would be upright."""
    TURNED_180 = "180"
    TURNED_270 = "270"
    SMALL = "small"
    CROPPED = "cropped"


TURNS: Final = {90: Reason.TURNED_90, 180: Reason.TURNED_180, 270: Reason.TURNED_270}
LIGHT: Final = {
    Reason.DARK: ("is too dark", "are too dark", "more light helps"),
    Reason.WHITE: ("is nearly white: overexposed", "are nearly white: overexposed", "a shorter exposure helps"),
}


class Advice(NamedTuple):
    """What is said of a reason: of one picture, of several, and what to do."""

    one: str
    several: str
    do: str


class Adviser:
    """Finds out why there is no face in a picture in which faces of *min_face_px* were searched for.

    *opening* opens the detector for faces of at least so many pixels; it is called when it is needed. *view* is what
    was done to the picture before. Of *stills*, it is found out as well whether they are cropped faces.
    """

    def __init__(
        self,
        opening: Callable[[int], Detector],
        min_face_px: int = MIN_FACE_PX,
        view: View | None = None,
        *,
        stills: bool = False,
    ) -> None:
        self._opening = opening
        self._min_face_px = min_face_px
        self._smaller_px = max(SMALLEST_PX, min_face_px // 2)
        self._view = view or View()
        self._stills = stills
        self._detectors: dict[int, Detector] = {}

    def reason(self, gray: NDArray[np.uint8], reduced: int = 1) -> Reason | None:
        """Return why there is no face in grey ``(height, width)`` uint8 *gray*; None if nothing is evident.

        *reduced* is that of the `Frame`.
        """
        may_be_cropped = self._stills and max(gray.shape) <= MAX_ASPECT * min(gray.shape)
        if may_be_cropped and min(gray.shape) * reduced <= CROPPED_FACES * self._min_face_px:
            return Reason.CROPPED
        found = light(gray)
        if found is not None:
            return found
        turn = self._turn(gray, reduced)
        if turn is not None:
            return turn
        if self._has_smaller(gray, reduced):
            return Reason.SMALL
        if may_be_cropped and self._is_filled(gray):
            return Reason.CROPPED
        return None

    def advice(self, reason: Reason) -> Advice:
        """Return what to say of *reason*."""
        if reason in LIGHT:
            return Advice(*LIGHT[reason])
        if reason is Reason.SMALL:
            size = f"faces of less than {self._min_face_px} px"
            return Advice(f"has {size}", f"have {size}", f"go nearer, or pass --min-face {self._smaller_px}")
        if reason is Reason.CROPPED:
            return Advice("may be a cropped face", "may be cropped faces", "if so, pass --faces whole")
        do = f"pass --rotate {self._rotation(int(reason.value))}"
        if self._view.roi is not None:
            # The part is cut out of the turned picture.
            do += " and the --roi that the part has then"
        return Advice("seems to be turned", "seem to be turned", do)

    def _rotation(self, angle_deg: int) -> int:
        """Return the ``--rotate`` that turns the picture as it is by *angle_deg* more."""
        # In a mirror, what turns clockwise turns the other way.
        further = -angle_deg if self._view.flip else angle_deg
        return ((self._view.rotate or 0) + further) % 360

    def _detector(self, min_face_px: int) -> Detector:
        if min_face_px not in self._detectors:
            self._detectors[min_face_px] = self._opening(min_face_px)
        return self._detectors[min_face_px]

    def _turn(self, gray: NDArray[np.uint8], reduced: int) -> Reason | None:
        """Return how the picture is turned, by the surest face that a turn of it shows."""
        surest = 0.0
        turn = None
        for angle_deg, reason in TURNS.items():
            for face in self._detector(self._min_face_px).search(turned(gray, angle_deg), reduced):
                if face.confidence >= TURNED_SURE and face.confidence > surest:
                    surest = face.confidence
                    turn = reason
        return turn

    def _has_smaller(self, gray: NDArray[np.uint8], reduced: int) -> bool:
        if self._smaller_px >= self._min_face_px or gray.size > MAX_ENLARGED_PX:
            return False
        faces = self._detector(self._smaller_px).search(gray, reduced)
        sides_px = [face.box.width * reduced for face in faces if face.confidence >= SURE]
        # A larger one may be found as well, of which the size is not the reason.
        return any(side_px < SIZE_STEP * self._min_face_px for side_px in sides_px)

    def _is_filled(self, gray: NDArray[np.uint8]) -> bool:
        """Return whether one face fills the picture. The detector sees it if there is something around it."""
        height, width = gray.shape
        scale = FRAMED_PX / min(gray.shape)
        size = round(width * scale), round(height * scale)
        small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        edge = FRAME_PX
        framed = np.asarray(cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8)
        faces = self._detector(self._min_face_px).search(framed)
        return any(face.confidence >= SURE and face.box.width >= FILLS * FRAMED_PX for face in faces)


def light(gray: NDArray[np.uint8]) -> Reason | None:
    """Return what is wrong with the light in *gray*, if anything."""
    # Some ten thousand pixels are enough.
    step = max(1, min(gray.shape) // 100)
    some = gray[::step, ::step]
    if np.percentile(some, 95) <= DARK_P95:
        return Reason.DARK
    if np.percentile(some, 10) >= WHITE_P10 and np.mean(some >= WHITE) >= WHITE_SHARE:
        return Reason.WHITE
    return None
