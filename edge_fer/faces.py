"""Faces: Haar detection, and tracking that keeps the detector off most of the frame.

A full search of a 640x480 frame is the most expensive thing in the pipeline; a search of the scaled surroundings of a
known face costs a small part of it. So the whole frame is searched on a schedule and whenever a face is lost, and each
known face is followed in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edge_fer.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

CASCADE = "haarcascade_frontalface_default.xml"
CASCADE_SIDE_PX = 24  # the window that the cascade was trained on


class Box(NamedTuple):
    """A rectangle in a frame: top left corner and size, in pixels of the frame, not rounded."""

    x: float
    y: float
    width: float
    height: float

    def iou(self, other: Box) -> float:
        """Return intersection over union, in [0, 1]."""
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        high = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if wide <= 0 or high <= 0:
            return 0.0
        shared = wide * high
        return shared / (self.width * self.height + other.width * other.height - shared)

    def toward(self, other: Box, weight: float) -> Box:
        """Return the box that lies *weight*, in [0, 1], of the way to *other*."""
        return Box(*(a + weight * (b - a) for a, b in zip(self, other, strict=True)))

    def grown(self, fraction: float) -> Box:
        """Return the box widened on each side by *fraction* of its size."""
        wide, high = self.width * fraction, self.height * fraction
        return Box(self.x - wide, self.y - high, self.width + 2 * wide, self.height + 2 * high)


class Face(NamedTuple):
    """A detected face."""

    box: Box
    confidence: float
    """n / (n + min_neighbors) of the n detector windows that agree on this face: it ranks, it is no probability."""


def cascade_path(name: str = CASCADE) -> Path:
    """Return where OpenCV's cascade file *name* lies. Raises `MissingDependency` with the remedy where it does not."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise MissingDependency(
            f"OpenCV {cv2.__version__} has no CascadeClassifier (dropped from the wheels of 5.0); "
            "install an OpenCV 4: pip install 'opencv-python-headless<5'"
        )
    folders = [Path("/usr/share/opencv4/haarcascades")]
    if hasattr(cv2, "data"):
        folders.insert(0, Path(cv2.data.haarcascades))  # type: ignore[attr-defined, unused-ignore]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise MissingDependency(
        f"{name} is in none of {', '.join(map(str, folders))}; "
        "on Debian and Raspberry Pi OS: apt install opencv-data; elsewhere: pip install 'opencv-python-headless<5'"
    )


@dataclass(frozen=True)
class Detection:
    """How faces are searched. Raises `BadInput` for values that no search can use."""

    min_face_px: int = 64
    """Side of the smallest face that is looked for, in pixels of the frame. Twice as large is four times as fast."""
    scale_factor: float = 1.1
    """Ratio between neighbouring sizes of the search; smaller is slower and finds a little more."""
    min_neighbors: int = 5
    """How many overlapping windows must agree on a face in a full search."""
    follow_scale_factor: float = 1.2
    """`scale_factor` of a search around a known face, whose size is nearly known."""
    follow_min_neighbors: int = 1
    """`min_neighbors` of a search around a known face, which needs less proof."""
    search_side_px: int = 30
    """Side to which the smallest face is scaled down before a full search."""
    follow_side_px: int = 60
    """Side to which a known face is scaled down before the search around it. Under 60 faces are lost now and then, and
    boxes settle too small: the cascade knows few sizes near its own 24 px."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        sides = (self.min_face_px, self.search_side_px, self.follow_side_px)
        if min(sides) < CASCADE_SIDE_PX:
            raise BadInput(f"face sides are {sides} px; the cascade sees nothing smaller than {CASCADE_SIDE_PX} px")
        for factor in (self.scale_factor, self.follow_scale_factor):
            if not 1.01 <= factor <= 2.0:
                raise BadInput(f"scale factor is {factor}; pass a value in [1.01, 2.0]")
        if min(self.min_neighbors, self.follow_min_neighbors) < 1:
            raise BadInput(f"min neighbors are {self.min_neighbors}, {self.follow_min_neighbors}; pass 1 or more")


class HaarDetector:
    """OpenCV's frontal-face Haar cascade, on frames scaled down to what the wanted faces need."""

    def __init__(self, detection: Detection | None = None, cascade: Path | None = None) -> None:
        self.detection = detection or Detection()
        path = cascade or cascade_path()
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise BadInput(f"{path} is not a cascade that OpenCV reads; reinstall opencv-python-headless")

    def search(self, gray: NDArray[np.uint8]) -> list[Face]:
        """Find all faces of at least ``min_face_px`` in grey ``(height, width)`` uint8 *gray*, largest first."""
        scale = min(1.0, self.detection.search_side_px / self.detection.min_face_px)
        smallest = max(CASCADE_SIDE_PX, round(self.detection.min_face_px * scale))
        effort = self.detection.scale_factor, self.detection.min_neighbors
        faces = self._detect(_scaled(gray, scale), scale, (0, 0), (smallest, 0), effort)
        return sorted(faces, key=lambda face: -face.box.width)

    def follow(self, gray: NDArray[np.uint8], last: Box) -> Face | None:
        """Find the face that was at *last*, searching only around it at about its size. None when it is not there."""
        around = last.grown(0.25)
        x0, y0 = max(0, int(around.x)), max(0, int(around.y))
        x1 = min(gray.shape[1], math.ceil(around.x + around.width))
        y1 = min(gray.shape[0], math.ceil(around.y + around.height))
        scale = min(1.0, self.detection.follow_side_px / last.width)
        if min(x1 - x0, y1 - y0) * scale < CASCADE_SIDE_PX:
            return None
        side = last.width * scale
        sides = max(CASCADE_SIDE_PX, int(side * 0.8)), math.ceil(side * 1.3)
        effort = self.detection.follow_scale_factor, self.detection.follow_min_neighbors
        found = self._detect(_scaled(gray[y0:y1, x0:x1], scale), scale, (x0, y0), sides, effort)
        nearest = max(found, key=lambda face: face.box.iou(last), default=None)
        return nearest if nearest is not None and nearest.box.iou(last) > 0.2 else None

    def _detect(
        self,
        gray: NDArray[np.uint8],
        scale: float,
        origin: tuple[int, int],
        sides_px: tuple[int, int],
        effort: tuple[float, int],
    ) -> list[Face]:
        """Search *gray*, the frame from *origin* on at *scale*, for faces between two sizes (0: no limit)."""
        if min(gray.shape) < CASCADE_SIDE_PX:
            return []
        smallest, largest = sides_px
        scale_factor, min_neighbors = effort
        boxes, neighbors = self._cascade.detectMultiScale2(
            gray,
            scaleFactor=scale_factor,
            minNeighbors=min_neighbors,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
        )
        agreeing = np.asarray(neighbors, float).ravel()
        places = np.asarray(boxes, float).reshape(-1, 4) / scale + (*origin, 0, 0)
        return [Face(Box(*p), n / (n + min_neighbors)) for p, n in zip(places.tolist(), agreeing.tolist(), strict=True)]


def _scaled(gray: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale >= 1.0:
        return gray
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True)
class Tracking:
    """When the whole frame is searched, and how long a face that is not seen is remembered. All times in seconds."""

    search_every_s: float = 1.0
    """Pause between full searches while every face is followed."""
    search_again_s: float = 0.1
    """Pause between full searches while a face is lost, or none is known."""
    forget_after_s: float = 0.5
    """How long a face may be unseen before its track ends."""
    settle: float = 0.6
    """Weight of a new box against the last one, in (0, 1]: calms the detector's jitter."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        times = (self.search_every_s, self.search_again_s, self.forget_after_s)
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
    """When the detector saw it last."""
    sure: bool
    """Whether it is reported: it was followed, or found just now while no other face was in sight."""
    followed: bool = False
    """Whether a search around it has ever seen it again. What only full searches see is mostly no face: beside another
    one it is not reported, and when it is gone nobody searches for it."""

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
        face = self.detector.follow(gray, track.box)
        return track if face is None else self._seen(track, face, time_s)

    def _search(self, gray: NDArray[np.uint8], time_s: float) -> None:
        self.searches += 1
        self._searched_s = time_s
        alone = not self._in_sight(time_s)
        unseen = [index for index, track in enumerate(self._tracks) if track.seen_s != time_s]
        for face in self.detector.search(gray):
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

    def _seen(self, track: Track, face: Face, time_s: float) -> Track:
        settled = Face(track.box.toward(face.box, self.tracking.settle), face.confidence)
        return replace(track, face=settled, seen_s=time_s, sure=True, followed=True)


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
