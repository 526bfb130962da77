"""Tracking: what keeps the detector off most of the frame, and off most frames.

A full search of a 640x480 frame is the most expensive thing in the pipeline, a search of the scaled surroundings of a
known face costs a small part of it, and finding how that face just looked a small part of that. So the whole frame is
searched on a schedule and whenever a face is lost, each known face is confirmed by the detector several times a second,
and in between it is where what it looked like is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge_fer.errors import BadInput
from edge_fer.faces import Face
from edge_fer.patches import Patch

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.faces import HaarDetector


@dataclass(frozen=True)
class Tracking:
    """When the whole frame is searched, and how long a face that is not seen is remembered. All times in seconds."""

    search_every_s: float = 1.0
    """Pause between full searches while every face is followed."""
    search_again_s: float = 0.1
    """Pause between full searches while a face is lost, or none is known."""
    confirm_every_s: float = 0.4
    """How long a face may be found by its looks alone, before the detector must see it again; 0 for every frame."""
    forget_after_s: float = 0.5
    """How long a face may be unseen before its track ends."""
    settle: float = 0.6
    """Weight of a new box against the last one, in (0, 1]: calms the detector's jitter."""

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
    """Never given twice by one tracker."""
    face: Face
    seen_s: float
    """When it was seen last."""
    sure: bool
    """Whether it is reported: it was followed, or found just now while no other face was in sight."""
    followed: bool = False
    """Whether a search around it has ever seen it again. What only full searches see is mostly no face: beside another
    one it is not reported, and when it is gone nobody searches for it."""
    patch: Patch | None = field(default=None, compare=False, repr=False)
    """How it looked when a search around it saw it last, at `confirmed_s`."""
    confirmed_s: float = -math.inf

    @property
    def box(self) -> Box:
        """Where it is, or was last seen."""
        return self.face.box


class FaceTracker:
    """Follows every known face and searches the whole frame only when it is due."""

    def __init__(self, detector: HaarDetector, tracking: Tracking | None = None) -> None:
        self.detector = detector
        self.tracking = tracking or Tracking()
        self.searches = 0
        """Full searches so far."""
        self._tracks: list[Track] = []
        self._next_id = 1
        self._searched_s = -math.inf

    def reset(self) -> None:
        """Forget all faces: the next frame has nothing to do with the last one."""
        self._tracks, self._searched_s = [], -math.inf

    def known(self) -> set[int]:
        """Return the ids of all tracks that have not ended, seen just now or not."""
        return {track.id for track in self._tracks}

    def update(self, gray: NDArray[np.uint8], time_s: float) -> list[Track]:
        """Take the frame of *time_s* and return the faces seen in it, oldest track first.

        A face that is lost for a moment keeps its track, but is not returned while nobody sees it. A further face is
        returned from its second frame on.
        """
        if time_s < self._searched_s:  # the clock of the source started anew
            self._searched_s = -math.inf
        followed = [self._follow(gray, track, time_s) for track in self._tracks]
        self._tracks = _distinct(followed)
        missing = [track for track in self._tracks if track.followed and track.seen_s != time_s]
        lost = bool(missing) or not self._in_sight(time_s)
        pause = self.tracking.search_again_s if lost else self.tracking.search_every_s
        if time_s - self._searched_s >= pause:
            self._search(gray, time_s)
        # Written so that a clock that jumps back keeps what was just seen.
        self._tracks = [t for t in self._tracks if abs(time_s - t.seen_s) <= self.tracking.forget_after_s]
        return self._in_sight(time_s)

    def _in_sight(self, time_s: float) -> list[Track]:
        return [track for track in self._tracks if track.sure and track.seen_s == time_s]

    def _follow(self, gray: NDArray[np.uint8], track: Track, time_s: float) -> Track:
        if track.patch is not None and 0 <= time_s - track.confirmed_s < self.tracking.confirm_every_s:
            moved = track.patch.find(gray, track.box)
            if moved is not None:
                return replace(track, face=track.face._replace(box=moved), seen_s=time_s)
        face = self.detector.follow(gray, track.box)
        return replace(track, patch=None) if face is None else self._confirmed(gray, track, face, time_s)

    def _search(self, gray: NDArray[np.uint8], time_s: float) -> None:
        self.searches += 1
        self._searched_s = time_s
        alone = not self._in_sight(time_s)
        unseen = [index for index, track in enumerate(self._tracks) if track.seen_s != time_s]
        followed = [track.box for track in self._tracks if track.seen_s == time_s]
        for face in self.detector.search(_without(gray, followed) if followed else gray):
            if any(t.seen_s == time_s and _same(t.box, face.box) for t in self._tracks):
                continue  # followed already, and more precisely
            nearest = max(unseen, key=lambda i: _closeness(self._tracks[i].box, face.box), default=None)
            if nearest is not None and _closeness(self._tracks[nearest].box, face.box) > 0:
                unseen.remove(nearest)
                known = self._tracks[nearest]
                self._tracks[nearest] = replace(known, face=face, seen_s=time_s, sure=known.followed or alone)
            else:
                self._tracks.append(Track(self._next_id, face, time_s, sure=alone))
                self._next_id += 1

    def _confirmed(self, gray: NDArray[np.uint8], track: Track, face: Face, time_s: float) -> Track:
        box = track.box.toward(face.box, self.tracking.settle)
        return replace(
            track,
            face=Face(box, face.confidence),
            seen_s=time_s,
            sure=True,
            followed=True,
            patch=Patch.of(gray, box),
            confirmed_s=time_s,
        )


def _without(gray: NDArray[np.uint8], boxes: Iterable[Box]) -> NDArray[np.uint8]:
    """Return a copy of *gray* with *boxes* levelled: a known face would take most of the time of a full search."""
    levelled = gray.copy()
    for box in boxes:
        x0, y0 = max(0, round(box.x)), max(0, round(box.y))
        region = levelled[y0 : max(0, round(box.y + box.height)), x0 : max(0, round(box.x + box.width))]
        if region.size:
            region[:] = round(float(region.mean()))
    return levelled


def _same(a: Box, b: Box) -> bool:
    return a.iou(b) > 0.3


def _closeness(lost: Box, found: Box) -> float:
    """Rank a found box for a lost face: positive only within about one face's width and twice its size."""
    apart = math.hypot(
        lost.x + lost.width / 2 - found.x - found.width / 2, lost.y + lost.height / 2 - found.y - found.height / 2
    )
    ratio = max(lost.width, found.width) / min(lost.width, found.width)
    return max(0.0, 1 - apart / max(lost.width, found.width)) * max(0.0, 2 - ratio)


def _distinct(tracks: Iterable[Track]) -> list[Track]:
    """Drop tracks that have run onto an older track's face."""
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda t: t.id):
        if not any(_same(track.box, other.box) for other in kept):
            kept.append(track)
    return kept
