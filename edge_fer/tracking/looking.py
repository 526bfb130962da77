"""The detector's look at one known face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.detectors import Detector, Face

TILT_DEG: Final = 25.0
"""Tilt at which tilted faces are sought: a frontal cascade bears about 15 degrees on both sides of it."""
TILTS_DEG: Final = (0.0, TILT_DEG, -TILT_DEG)
"""Tilts at which a face is looked for that is not seen as it was."""


@dataclass(frozen=True)
class Look:
    """A look that was begun in the frame of `time_s`, when the face was at `box`."""

    gray: NDArray[np.uint8]
    time_s: float
    box: Box
    face: Future[Face | None]


def tilts(last_deg: float, followed: bool) -> list[float]:
    """Return the tilts, in degrees, at which a face is looked for that was last seen at *last_deg*.

    Only a face that has been *followed* is looked for at others: at some tilt, almost everything is like a face.
    """
    if not followed:
        return [last_deg]
    return [last_deg, *(tilt for tilt in TILTS_DEG if tilt != last_deg)]


def see(detector: Detector, gray: NDArray[np.uint8], last: Box, tilts_deg: Sequence[float]) -> Face | None:
    """Return the face that was at *last*, looked for at the first of *tilts_deg*, then at the others."""
    for tilt_deg in tilts_deg:
        face = detector.follow(gray, last, tilt_deg)
        if face is not None and face.is_possible:
            return face
    return None
