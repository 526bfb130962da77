"""Tracking: faces over time, with as little detection as possible.

Searching a whole 640x480 frame is the most expensive step of the pipeline. Searching the scaled surroundings of a known
face costs a small part of it, and finding that face by its looks a small part of that. So the whole frame is searched
once a second and while a face is lost; the detector confirms each known face several times a second; in between, a face
is found by its looks alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput
from edge_fer.faces import Face
from edge_fer.patches import Patch
from edge_fer.records import GONE_AFTER_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.faces import HaarDetector

SAME_FACE_IOU: Final = 0.3
"""Intersection over union above which two boxes are the same face."""


@dataclass(frozen=True)
class Tracking:
    """When to search the whole frame, and how long to remember a face that is not seen. Times are in seconds.

    Raises `BadInput` for values outside their range.
    """

    search_every_s: float = 1.0
    """Pause between searches of the whole frame while every known face is seen."""
    search_again_s: float = 0.1
    """Pause between searches of the whole frame while a face is lost or none is known."""
    confirm_every_s: float = 0.4
    """How long a face may be found by its looks alone before the detector must confirm it; 0: every frame."""
    forget_after_s: float = GONE_AFTER_S
    """How long a face may remain unseen before its track ends."""
    settle: float = 0.6
    """Weight of a new box against the last one, in (0, 1]. Lower values reduce the detector's jitter."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        times = (self.search_every_s, self.search_again_s, self.confirm_every_s, self.forget_after_s)
        if not all(math.isfinite(t) and t >= 0 for t in times):
            raise BadInput(f"tracking times are {times} s; pass finite values of 0 or more")
        if not 0 < self.settle <= 1:
            raise BadInput(f"settle is {self.settle}; pass a value in (0, 1]")


@dataclass(frozen=True)
class Track:
    """A face over time."""

    id: int
    """Unique for the tracker, from 1."""
    face: Face
    seen_s: float
    """Time of the frame in which it was seen last."""
    reported: bool
    """Whether it counts as a face: it was confirmed, or just found while no other face was in sight."""
    followed: bool = False
    """Whether a search around it has ever confirmed it. What only a search of the whole frame sees is rarely a face:
    beside another face it is not reported, and when it disappears it is not searched for."""
    # Not compared: == of arrays is an array.
    patch: Patch | None = field(default=None, compare=False, repr=False)
    """How it looked at `confirmed_s`."""
    confirmed_s: float = -math.inf
    """Time at which the detector confirmed it last."""

    @property
    def box(self) -> Box:
        """Where it is, or was last seen."""
        return self.face.box


class FaceTracker:
    """Follows every known face, and searches the whole frame only when that is due."""

    def __init__(self, detector: HaarDetector, tracking: Tracking | None = None) -> None:
        self.detector = detector
        self.tracking = tracking or Tracking()
        self.searches = 0
        """Searches of the whole frame so far."""
        self._tracks: list[Track] = []
        self._next_id = 1
        self._searched_s = -math.inf

    def reset(self) -> None:
        """Forget all faces. To be called when the next frame is unrelated to the last one."""
        self._tracks = []
        self._searched_s = -math.inf

    def known(self) -> set[int]:
        """Return the ids of all tracks that have not ended, whether their face is in sight or not."""
        return {track.id for track in self._tracks}

    def update(self, gray: NDArray[np.uint8], time_s: float, reduced: int = 1) -> list[Track]:
        """Take the grey ``(height, width)`` uint8 frame of *time_s* and return the faces in it, oldest track first.

        *reduced* is that of the `Frame`. Boxes are in pixels of *gray*.

        A face that is lost for a moment keeps its track, but is not returned until it is seen again. A face that
        appears beside others is returned from its second frame on.
        """
        if time_s < self._searched_s:  # the source's time has started again
            self._searched_s = -math.inf
        followed = [self._follow(gray, track, time_s) for track in self._tracks]
        # When people pass each other, the search around one face may find the other.
        self._tracks = _distinct(followed)
        if time_s - self._searched_s >= self._pause_s(time_s):
            self._search(gray, time_s, reduced)
        self._tracks = [track for track in self._tracks if not self._ended(track, time_s)]
        return self._in_sight(time_s)

    def _pause_s(self, time_s: float) -> float:
        """Return how long after the last search of the whole frame the next one is due."""
        face_lost = any(track.followed and track.seen_s != time_s for track in self._tracks)
        if face_lost or not self._in_sight(time_s):
            return self.tracking.search_again_s
        return self.tracking.search_every_s

    def _ended(self, track: Track, time_s: float) -> bool:
        # The distance, so that a face seen just before the clock jumped back is kept.
        return abs(time_s - track.seen_s) > self.tracking.forget_after_s

    def _in_sight(self, time_s: float) -> list[Track]:
        return [track for track in self._tracks if track.reported and track.seen_s == time_s]

    def _follow(self, gray: NDArray[np.uint8], track: Track, time_s: float) -> Track:
        """Return *track* as it is in *gray*; unchanged but for its patch if the face is not seen."""
        if track.patch is not None and 0 <= time_s - track.confirmed_s < self.tracking.confirm_every_s:
            moved = track.patch.find(gray, track.box)
            if moved is not None:
                return replace(track, face=track.face._replace(box=moved), seen_s=time_s)
        face = self.detector.follow(gray, track.box)
        if face is None:
            # A patch must not keep alive what the detector does not see.
            return replace(track, patch=None)
        return self._confirmed(gray, track, face, time_s)

    def _confirmed(self, gray: NDArray[np.uint8], track: Track, face: Face, time_s: float) -> Track:
        box = track.box.toward(face.box, self.tracking.settle)
        return replace(
            track,
            face=Face(box, face.confidence),
            seen_s=time_s,
            reported=True,
            followed=True,
            patch=Patch.of(gray, box),
            confirmed_s=time_s,
        )

    def _search(self, gray: NDArray[np.uint8], time_s: float, reduced: int) -> None:
        """Search the whole frame. What is found continues a lost track near it, or begins a new one."""
        self.searches += 1
        self._searched_s = time_s
        # Where the cascade mistakes something for a face, it does so for long. So what appears beside a face must be
        # confirmed first; what appears alone is reported, so that a first face comes without delay.
        alone = not self._in_sight(time_s)
        lost = [index for index, track in enumerate(self._tracks) if track.seen_s != time_s]
        followed = [track.box for track in self._tracks if track.seen_s == time_s]
        for face in self.detector.search(_blanked(gray, followed), reduced):
            if self._is_seen(face, time_s):
                continue  # following found it with a more precise box
            nearest = self._nearest(face, lost)
            if nearest is None:
                self._tracks.append(Track(self._next_id, face, time_s, reported=alone))
                self._next_id += 1
            else:
                lost.remove(nearest)
                track = self._tracks[nearest]
                self._tracks[nearest] = replace(track, face=face, seen_s=time_s, reported=track.followed or alone)

    def _is_seen(self, face: Face, time_s: float) -> bool:
        return any(track.seen_s == time_s and _same(track.box, face.box) for track in self._tracks)

    def _nearest(self, face: Face, lost: list[int]) -> int | None:
        """Return which of the *lost* tracks, indices, *face* continues; None if none is near."""
        best = None
        best_closeness = 0.0
        for index in lost:
            closeness = _closeness(self._tracks[index].box, face.box)
            if closeness > best_closeness:
                best = index
                best_closeness = closeness
        return best


def _blanked(gray: NDArray[np.uint8], boxes: list[Box]) -> NDArray[np.uint8]:
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


def _same(a: Box, b: Box) -> bool:
    return a.iou(b) > SAME_FACE_IOU


def _closeness(lost: Box, found: Box) -> float:
    """Rate how well *found* continues *lost*, in [0, 1]: 0 beyond one face's width, or from twice the size on."""
    x_distance = lost.x + lost.width / 2 - found.x - found.width / 2
    y_distance = lost.y + lost.height / 2 - found.y - found.height / 2
    distance = math.hypot(x_distance, y_distance)
    larger = max(lost.width, found.width)
    size_ratio = larger / min(lost.width, found.width)
    by_place = max(0.0, 1 - distance / larger)
    by_size = max(0.0, 2 - size_ratio)
    return by_place * by_size


def _distinct(tracks: list[Track]) -> list[Track]:
    """Drop each track that lies on the face of an older one."""
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda track: track.id):
        if not any(_same(track.box, older.box) for older in kept):
            kept.append(track)
    return kept
