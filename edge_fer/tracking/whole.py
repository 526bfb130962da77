"""Pictures that are one face each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from edge_fer.boxes import Box
from edge_fer.detectors import Face
from edge_fer.tracking.track import Track

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


class WholePictures:
    """Takes each picture for one cropped face, in place of a `FaceTracker`. It searches for nothing."""

    def __init__(self) -> None:
        self._last_id = 0
        self._known: set[int] = set()

    def update(self, gray: NDArray[np.uint8], time_s: float, reduced: int = 1) -> list[Track]:
        """Return all of grey ``(height, width)`` uint8 *gray* as a face that nobody has seen before."""
        del reduced  # the box is in pixels of gray
        self._last_id += 1
        self._known = {self._last_id}
        height, width = gray.shape
        face = Face(Box(0.0, 0.0, float(width), float(height)), confidence=1.0)
        return [Track(self._last_id, face, time_s, reported=True, cropped=True)]

    def rests(self, time_s: float) -> bool:
        """Return False: each picture is a face."""
        del time_s
        return False

    def known(self) -> set[int]:
        """Return the id of the last face."""
        return self._known

    def reset(self) -> None:
        """Forget the last face."""
        self._known = set()

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Change nothing: there is no detector that could work in a thread of its own."""
        yield
