"""What finds faces: the `Detector` protocol, and `open_detector`, which opens the detector that a name stands for."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box

MIN_FACE_PX: Final = 48
"""Side of the smallest face that is searched for by default."""

LEAST_FACE_PX: Final = 24
"""Side of the smallest face that any detector finds."""

SURE: Final = 0.5
"""Confidence from which on what is found is taken for a face. Less may be one that was known before."""

LARGEST_SIDE_PX: Final = 2**15
"""No picture is larger. OpenCV's numbers end at 2**31."""

DEFAULT_DETECTOR: Final = "haar"
DETECTORS: Final = {
    "haar": "edge_fer.detectors.haar:open_haar",
    "yunet": "edge_fer.detectors.yunet:open_yunet",
    "blazeface": "edge_fer.detectors.blazeface:open_blazeface",
}
"""The function that opens each detector, by name. It takes the file, or None, and the smallest side of a face."""


class Face(NamedTuple):
    """A detected face."""

    box: Box
    """A square around brows and mouth, as Haar's frontal cascade puts it: the classifiers learned such faces."""
    confidence: float
    """In [0, 1]. It ranks the faces of one detector and is no probability. From `SURE` on, hardly any is mistaken."""
    roll_deg: float = 0.0
    """By how much the face is tilted, in degrees, positive clockwise; 0 if the detector does not tell."""
    turned: bool = False
    """Whether the face looks aside, so that half of it is hardly seen; False if the detector does not tell."""

    @property
    def is_possible(self) -> bool:
        """Whether a picture can hold such a face. A damaged model, or a detector of somebody else, may say anything."""
        # Written so that NaN is none.
        is_sized = min(self.box.width, self.box.height) >= 1
        is_near = all(abs(value) <= LARGEST_SIDE_PX for value in self.box)
        return is_sized and is_near and math.isfinite(self.confidence) and math.isfinite(self.roll_deg)


class Detector(Protocol):
    """Finds faces. `search` and `follow` may run at the same time, in two threads, but neither twice."""

    @property
    def name(self) -> str:
        """Its name in `DETECTORS`."""
        ...

    def search(self, gray: NDArray[np.uint8], reduced: int = 1, roll_deg: float = 0.0) -> list[Face]:
        """Return all faces in grey ``(height, width)`` uint8 *gray*, largest first, with boxes in its pixels.

        Each pixel of *gray* stands for *reduced* of the frame in width and height, in whose pixels the smallest face
        is meant. With *roll_deg*, faces are searched for that are tilted by about so much.
        """
        ...

    def follow(self, gray: NDArray[np.uint8], last: Box, roll_deg: float = 0.0) -> Face | None:
        """Return the face that was at *last*, tilted by about *roll_deg*; None if it is not seen near there."""
        ...


def open_detector(name: str = DEFAULT_DETECTOR, min_face_px: int = MIN_FACE_PX) -> Detector:
    """Return the detector *name*, ``NAME`` or ``NAME:FILE``, which finds faces of at least *min_face_px* a side.

    Raises `BadInput` for an unknown name, a file that is missing or is no such detector, and a side out of range;
    `MissingDependency` for a package that is not installed.
    """
    kind, colon, file = name.partition(":")
    if kind not in DETECTORS:
        raise BadInput(f"no detector {kind!r}; pass one of haar, yunet:FILE, blazeface:FILE")
    # Imported by name: each needs something that the others do not.
    module, _, function = DETECTORS[kind].partition(":")
    open_: Callable[[Path | None, int], Detector] = getattr(importlib.import_module(module), function)
    return open_(Path(file) if colon else None, min_face_px)
