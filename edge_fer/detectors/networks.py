"""Detectors that are networks: they find eyes, nose and mouth, from which the box, the tilt and the turn follow.

A network sees a window of the frame, in which faces must be neither too small nor cut. So the frame is scaled down
until the smallest wanted face is just large enough, and searched in windows that overlap; then it is scaled down
further for the larger faces, until one window holds all of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from edge_fer.boxes import Box
from edge_fer.detectors import LARGEST_SIDE_PX, Face
from edge_fer.detectors.haar import MAX_SEARCHED_PX, MIN_OVERLAP, SIDE_PX
from edge_fer.detectors.scaling import levelled, scaled
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

TURNED: Final = 0.15
"""A face is turned if its nose lies nearer than this to one eye's place across the face, or beyond it, as a share of
the eyes' distance. Turned by 15 degrees, a nose lies 0.4 from the nearer eye, by 45 degrees 0.1 or beyond."""
SAME_FACE_IOU: Final = 0.3
"""Intersection over union from which on two found faces are the same one, seen in two windows."""
FACE_EXTENT: Final = 1.35
"""What a network must see of a face, forehead to chin, as a multiple of the box's side."""
FOLLOW_MARGIN: Final = 0.5
"""How much of a known face's surroundings a network sees, as a share of its box on each side: a whole head."""
MAX_ENLARGED: Final = 4.0
"""A known face is enlarged by no more than this."""


class Fit(NamedTuple):
    """How Haar's square follows from a network's landmarks. See docs/detectors.md for how each was measured."""

    across: float
    """Share of the eyes' distance in the square's side."""
    down: float
    """Share of the distance from between the eyes to the mouth in the square's side."""
    centre: float
    """Where the square's centre lies between the eyes (0) and the mouth (1)."""


class Network(Protocol):
    """A network that finds landmarks in a window."""

    name: str
    fit: Fit
    window_px: int
    """Longest side of a window."""
    least_px: int
    """Side of the smallest box whose face it finds reliably."""
    follow_px: int
    """Side at which a known face is shown to it."""
    level_ratio: float
    """How much smaller the next scale of a search is. Faces between two scales must be found in the finer one."""

    def find(self, window: NDArray[np.uint8]) -> list[tuple[float, NDArray[np.float64]]]:
        """Return confidence and landmarks of each face in grey *window*, whose sides are `window_px` at most.

        Landmarks are ``(4, 2)``, x and y in the window's pixels: the eye that is further left in an upright picture,
        the other one, the tip of the nose, the middle of the mouth. Raises `BackendError` if the runtime fails.
        """
        ...


class NetworkDetector:
    """Two networks of one kind, one to search and one to follow: each may work in one thread only."""

    def __init__(self, searching: Network, following: Network, min_face_px: int) -> None:
        if not SIDE_PX <= min_face_px <= LARGEST_SIDE_PX:
            raise BadInput(f"the smallest face is {min_face_px} px; pass {SIDE_PX} to {LARGEST_SIDE_PX}")
        self.min_face_px = min_face_px
        self._searching = searching
        self._following = following

    @property
    def name(self) -> str:
        """Its name in `edge_fer.detectors.DETECTORS`."""
        return self._searching.name

    def search(self, gray: NDArray[np.uint8], reduced: int = 1, roll_deg: float = 0.0) -> list[Face]:
        """Return all faces of at least ``min_face_px`` in grey ``(height, width)`` uint8 *gray*, largest first.

        The frame is levelled by *roll_deg* before, so that faces which are tilted by that are upright.

        Each pixel of *gray* stands for *reduced* of the frame in width and height, of which ``min_face_px`` are meant.
        In a reduced frame, faces are searched for no finer than `MAX_SEARCHED_PX` allow.
        """
        network = self._searching
        smallest = self.min_face_px / reduced
        scale = min(1.0, network.least_px / smallest)
        if reduced > 1:
            scale = min(scale, math.sqrt(MAX_SEARCHED_PX / gray.size))
        found = []
        for level in _levels(max(gray.shape), scale, network):
            # No face fits into it, but of a few rows of pixels a network answers anything.
            if min(gray.shape) * level < network.least_px:
                break
            upright, back = levelled(scaled(gray, level), roll_deg)
            for x, y, window in _windows(upright, network):
                for confidence, landmarks in network.find(window):
                    placed = _turned(landmarks + np.array([x, y]), back) / level
                    face = face_of(placed, confidence, network.fit)
                    if face is not None and face.box.width >= smallest:
                        found.append(face)
        # Largest first, so that the nearest person gets the first track.
        return sorted(_distinct(found), key=lambda face: -face.box.width)

    def follow(self, gray: NDArray[np.uint8], last: Box, roll_deg: float = 0.0) -> Face | None:
        """Return the face that was at *last*; None if none overlaps it enough.

        The surroundings are levelled by *roll_deg* before.
        """
        network = self._following
        x0, y0, x1, y1 = last.grown(FOLLOW_MARGIN).pixels(gray.shape)
        scale = min(MAX_ENLARGED, network.follow_px / last.width)
        # At the edge of the frame too little of the face may be left.
        if min(x1 - x0, y1 - y0) * scale < network.least_px:
            return None
        window = scaled(gray[y0:y1, x0:x1], scale)[: network.window_px, : network.window_px]
        level, back = levelled(window, roll_deg)
        nearest = None
        overlap = MIN_OVERLAP
        # Of several, the one that overlaps most: the others may be faces of neighbours.
        for confidence, landmarks in network.find(level):
            placed = _turned(landmarks, back) / scale + np.array([x0, y0])
            face = face_of(placed, confidence, network.fit)
            if face is not None and face.box.iou(last) > overlap:
                overlap = face.box.iou(last)
                nearest = face
        return nearest


def face_of(landmarks: NDArray[np.float64], confidence: float, fit: Fit) -> Face | None:
    """Return the face with `Network.find`'s *landmarks*; None if they are no face's, which damaged models answer."""
    left, right, nose, mouth = landmarks
    eyes = (left + right) / 2
    across = right - left
    down = mouth - eyes
    distance = float(np.hypot(*across))
    side = fit.across * distance + fit.down * float(np.hypot(*down))
    if not (np.isfinite(landmarks).all() and distance > 0 and 1 <= side <= LARGEST_SIDE_PX):
        return None
    x, y = (eyes + fit.centre * down - side / 2).tolist()
    roll_deg = math.degrees(math.atan2(across[1], across[0]))
    nose_across = float((nose - left) @ across) / distance**2
    turned = not TURNED <= nose_across <= 1 - TURNED
    return Face(Box(x, y, side, side), min(1.0, max(0.0, confidence)), roll_deg, turned)


def points(values: Any) -> NDArray[np.float64]:
    """Return *values* as ``(n, 2)``: x and y of each point."""
    return np.asarray(values, np.float64).reshape(-1, 2)


def _turned(landmarks: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return *landmarks*, ``(4, 2)``, after the affine map *matrix*, ``(2, 3)``."""
    turned: NDArray[np.float64] = landmarks @ matrix[:, :2].T + matrix[:, 2]
    return turned


def _levels(longest: int, scale: float, network: Network) -> Iterator[float]:
    """Yield the scales at which a frame, *longest* pixels in one direction, is searched from *scale* on."""
    while True:
        yield scale
        if longest * scale <= network.window_px:
            return
        scale = max(scale * network.level_ratio, network.window_px / (longest + 1))


def _windows(gray: NDArray[np.uint8], network: Network) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Yield the windows that cover *gray*, each with the place of its corner."""
    side = network.window_px
    # A face that is too small for the next scale lies in one window as a whole.
    overlap = math.ceil(FACE_EXTENT * network.least_px / network.level_ratio)
    for y in _starts(gray.shape[0], side, overlap):
        for x in _starts(gray.shape[1], side, overlap):
            yield x, y, gray[y : y + side, x : x + side]


def _starts(length: int, window: int, overlap: int) -> list[int]:
    """Return where windows begin that cover *length* and overlap by *overlap* or more."""
    if length <= window:
        return [0]
    count = math.ceil((length - window) / (window - overlap)) + 1
    return [round(index * (length - window) / (count - 1)) for index in range(count)]


def _distinct(faces: list[Face]) -> list[Face]:
    """Return each face once, as the window saw it that was surest."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(face.box.iou(other.box) < SAME_FACE_IOU for other in kept):
            kept.append(face)
    return kept
