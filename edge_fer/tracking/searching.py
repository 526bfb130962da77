"""Searches of the frame: of all of it once a second, once a second tilted, and of what changed ten times a second.

While nobody is there and nothing changes, they are less frequent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.boxes import Box
from edge_fer.tracking.changes import Changes
from edge_fer.tracking.in_step import lasting
from edge_fer.tracking.looking import TILT_DEG

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor, Future

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.detectors import Detector, Face
    from edge_fer.tracking.settings import Tracking

SMALLEST_PX: Final = 24
"""What changes is searched for faces if it is at least so large: no detector finds smaller ones."""
CALM: Final = 3
"""How many times as long the pause between searches of the whole frame is while nobody is there and nothing changes."""
CALM_S: Final = 1.0
"""After so long without anybody and without a change, looks for one are half as frequent."""


@dataclass(frozen=True)
class Search:
    """A search that was begun in the frame of `time_s`."""

    gray: NDArray[np.uint8]
    time_s: float
    tilt_deg: float
    faces: Future[list[Face]]


class Searches:
    """Begins the searches that are due, one at a time, and hands over what they have found."""

    def __init__(self, detector: Detector, tracking: Tracking) -> None:
        self.whole = 0
        """Searches of the whole, upright frame so far."""
        self._detector = detector
        self._tracking = tracking
        self._changes = Changes(tracking.search_again_s, tracking.search_every_s)
        self.reset()

    def reset(self) -> None:
        """Forget all frames: the next one is searched."""
        self._whole_s = -math.inf
        self._tilted_s = -math.inf
        self._checked_s = -math.inf
        self._tilt_deg = -TILT_DEG
        self._search: Search | None = None
        self._changes.reset()

    def drop(self) -> None:
        """Forget the search that goes on."""
        self._search = None

    def begin_if_due(
        self, executor: Executor, gray: NDArray[np.uint8], time_s: float, known: Sequence[Box], reduced: int,
        *, nobody: bool,
    ) -> None:  # fmt: skip
        """Begin the search that is due at *time_s*, if any, unless one goes on. The *known* faces are left out.

        *nobody* says that no face is known, in sight or not: then, while nothing changes, searches are less frequent.
        """
        if self._search is not None:
            return
        if self._is_whole_due(time_s, nobody=nobody):
            self.whole += 1
            self._whole_s = self._checked_s = time_s
            self._changes.searched(gray, time_s)
            self._begin(executor, gray, time_s, known, None, reduced)
        elif self._is_tilted_due(time_s):
            # To one side and to the other in turn.
            self._tilted_s = time_s
            self._tilt_deg = -self._tilt_deg
            self._begin(executor, gray, time_s, known, None, reduced, self._tilt_deg)
        elif self._is_check_due(time_s, nobody=nobody):
            self._checked_s = time_s
            regions = self._changes.regions(gray, time_s, known, SMALLEST_PX)
            if regions:
                self._begin(executor, gray, time_s, known, regions, reduced)

    def rests(self, time_s: float) -> bool:
        """Return whether no search goes on, and none is due at *time_s*, where no face is known."""
        if self._search is not None or self._is_whole_due(time_s, nobody=True):
            return False
        return not (self._is_check_due(time_s, nobody=True) or self._is_tilted_due(time_s))

    def _is_whole_due(self, time_s: float, *, nobody: bool) -> bool:
        """Return whether all of the frame should be searched."""
        # What it would find where nothing has changed, the last one has found.
        calm = nobody and self._changes.changed_s < self._whole_s
        pause_s = self._tracking.search_every_s * (CALM if calm else 1)
        return time_s - self._whole_s >= pause_s

    def _is_check_due(self, time_s: float, *, nobody: bool) -> bool:
        """Return whether to look for what has changed."""
        calm = nobody and time_s - self._changes.changed_s >= CALM_S
        pause_s = self._tracking.search_again_s * (2 if calm else 1)
        return time_s - self._checked_s >= pause_s

    def _is_tilted_due(self, time_s: float) -> bool:
        """Return whether the frame should be searched tilted: between two upright searches, if anything changed."""
        pause_s = self._tracking.search_every_s
        between = time_s - self._whole_s >= pause_s / 2 and time_s - self._tilted_s >= pause_s
        return between and self._changes.changed_s >= self._tilted_s

    def take(self) -> Search | None:
        """Return the search that has ended since the last call, if any."""
        search = self._search
        if search is None or not search.faces.done():
            return None
        self._search = None
        return search

    def _begin(
        self, executor: Executor, gray: NDArray[np.uint8], time_s: float, known: Sequence[Box],
        regions: Sequence[Box] | None, reduced: int, tilt_deg: float = 0.0,
    ) -> None:  # fmt: skip
        gray = lasting(executor, gray)
        future = executor.submit(_find, self._detector, gray, known, regions, reduced, tilt_deg)
        self._search = Search(gray, time_s, tilt_deg, future)


def _find(
    detector: Detector, gray: NDArray[np.uint8], known: Sequence[Box], regions: Sequence[Box] | None, reduced: int,
    tilt_deg: float,
) -> list[Face]:  # fmt: skip
    """Return the faces in *regions* of *gray*, by default in all of it, but for those that are *known*."""
    pixels = _blanked(gray, known)
    if regions is None:
        regions = [Box(0, 0, gray.shape[1], gray.shape[0])]
    faces: list[Face] = []
    for region in regions:
        x0, y0, x1, y1 = region.pixels(gray.shape)
        found = detector.search(pixels[y0:y1, x0:x1], reduced, tilt_deg)
        faces += [face._replace(box=face.box.moved(x0, y0)) for face in found if face.is_possible]
    return faces


def _blanked(gray: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """Return *gray* with *boxes* filled with their mean, as a copy if there are any.

    A search spends most of its time on faces, and those in *boxes* are known already.
    """
    if not boxes:
        return gray
    blanked = gray.copy()
    for box in boxes:
        left = max(0, round(box.x))
        top = max(0, round(box.y))
        # At least 0: a negative end would count from the other side of the frame.
        right = max(0, round(box.x + box.width))
        bottom = max(0, round(box.y + box.height))
        region = blanked[top:bottom, left:right]
        if region.size:
            region[:] = round(float(region.mean()))
    return blanked
