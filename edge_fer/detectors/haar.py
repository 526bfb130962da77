"""Face detection with OpenCV's Haar cascades, in a whole frame or around a known face.

Two cascades of frontal faces look at a frame. `SEARCH_CASCADE` is fast and mistakes little for a face. `FOLLOW_CASCADE`
takes a second look at what it finds: it mistakes other things, so that what both of them see is a face. Faces that are
known are followed by the second one, which is more patient with expressions, and by the first one where that is in
vain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.boxes import Box
from edge_fer.cascades import cascade_path, load_cascade
from edge_fer.detectors import LARGEST_SIDE_PX, LEAST_FACE_PX, MIN_FACE_PX, Face
from edge_fer.detectors.scaling import levelled, scaled
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    import cv2
    from numpy.typing import NDArray

SEARCH_CASCADE: Final = "haarcascade_frontalface_alt2.xml"
FOLLOW_CASCADE: Final = "haarcascade_frontalface_default.xml"
SIDE_PX: Final = LEAST_FACE_PX
"""Side of the larger of the windows that the cascades were trained on: no smaller face is found."""
MAX_SEARCHED_PX: Final = 4_000_000
"""Pixels at the finest scale of a search in a reduced frame, where the smallest face has the cascade's side. OpenCV
takes about 50 bytes for each, so that they bound the memory of a search."""
SEARCH_GROWTH: Final = 0.045
"""By how much the boxes of `SEARCH_CASCADE` are smaller than those of `FOLLOW_CASCADE`, on each side."""
SURE_WINDOWS: Final = 14
"""From so many windows of the cascades on, those of `SEARCH_CASCADE` counted twice, a thing is hardly ever taken for a
face. More would cost small faces and those that are turned: few windows agree on them."""
LEAST_WINDOWS: Final = 6
"""Fewer windows, counted in the same way, are mostly not a face."""
FOLLOW_MARGIN: Final = 0.25
"""How far around a known face it is searched for, as a share of its size on each side."""
FOLLOW_SIZES: Final = (0.8, 1.3)
"""Smallest and largest size at which a known face is searched for, relative to its last size."""
MIN_OVERLAP: Final = 0.2
"""Least intersection over union with its last box at which a found face is taken for the known one."""


@dataclass(frozen=True)
class Detection:
    """Parameters of the face search. Raises `BadInput` for values outside their range."""

    min_face_px: int = MIN_FACE_PX
    """Side of the smallest face to search for, in pixels of the frame. Twice the side is four times as fast."""
    scale_factor: float = 1.2
    """Ratio of successive window sizes. A smaller ratio is slower and finds a little more."""
    min_neighbors: int = 2
    """How many overlapping windows must agree on a face, in a search of the whole frame and in the second look."""
    follow_min_neighbors: int = 1
    """`min_neighbors` around a known face. Lower, since a face is likely there."""
    search_side_px: int = 30
    """Side to which the smallest face is scaled down before the whole frame is searched, in pixels."""
    follow_side_px: int = 60
    """Side to which a known face is scaled down before the search around it, in pixels. Below 60, faces are lost now
    and then and boxes become too small: near its own 24 px the cascade tries only a few sizes."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("min_face_px", "search_side_px", "follow_side_px"):
            side = getattr(self, name)
            if not SIDE_PX <= side <= LARGEST_SIDE_PX:
                what = "the smallest face" if name == "min_face_px" else name
                raise BadInput(f"{what} is {side} px; pass {SIDE_PX} to {LARGEST_SIDE_PX}")
        # Written so that NaN is refused as well. The closer to 1, the more sizes are searched.
        if not 1.01 <= self.scale_factor <= 2.0:
            raise BadInput(f"scale factor is {self.scale_factor}; pass a value in [1.01, 2.0]")
        if min(self.min_neighbors, self.follow_min_neighbors) < 1:
            raise BadInput(f"min neighbors are {self.min_neighbors}, {self.follow_min_neighbors}; pass 1 or more")


class HaarDetector:
    """OpenCV's frontal-face cascades. They search frames scaled down as far as the wanted faces allow.

    A face's confidence is n / (n + `SURE_WINDOWS`), where n windows of the cascades agree on it.
    """

    name = "haar"

    def __init__(self, detection: Detection | None = None) -> None:
        self.detection = detection or Detection()
        self._searching = load_cascade(cascade_path(SEARCH_CASCADE))

    # Each cascade is there twice, since it may work in one thread only, and loaded when it is first needed, since that
    # takes 10 to 30 ms: the first frame must not wait for those that follow faces.

    @cached_property
    def _proving(self) -> cv2.CascadeClassifier:
        return load_cascade(cascade_path(FOLLOW_CASCADE))

    @cached_property
    def _following(self) -> cv2.CascadeClassifier:
        return load_cascade(cascade_path(FOLLOW_CASCADE))

    @cached_property
    def _helping(self) -> cv2.CascadeClassifier:
        return load_cascade(cascade_path(SEARCH_CASCADE))

    def search(self, gray: NDArray[np.uint8], reduced: int = 1, roll_deg: float = 0.0) -> list[Face]:
        """Return all faces of at least ``min_face_px`` in grey ``(height, width)`` uint8 *gray*, largest first.

        Each pixel of *gray* stands for *reduced* of the frame in width and height, of which ``min_face_px`` are meant.
        In a reduced frame, faces are searched for no finer than `MAX_SEARCHED_PX` allow.
        """
        detection = self.detection
        min_face_px = max(SIDE_PX, detection.min_face_px / reduced)
        if reduced > 1:
            min_face_px = max(min_face_px, SIDE_PX * math.sqrt(gray.size / MAX_SEARCHED_PX))
        scale = min(1.0, detection.search_side_px / min_face_px)
        # The boxes of this cascade are smaller than those that are meant.
        smallest = round(min_face_px * scale / (1 + 2 * SEARCH_GROWTH))
        # Without an upper limit: a face may fill the frame.
        level, back = levelled(scaled(gray, scale), roll_deg)
        found = _detect(self._searching, level, (smallest, 0), detection.scale_factor, detection.min_neighbors)
        faces = []
        for windows, found_box in found:
            box = _turned_back(found_box, back, roll_deg).times(1 / scale).grown(SEARCH_GROWTH)
            in_all = 2 * windows
            proof = self._around(self._proving, gray, box, roll_deg, detection.min_neighbors)
            if proof is not None:
                # Its box as well: the classifiers learned faces as this cascade puts them.
                in_all += proof[0]
                box = proof[1]
            if in_all >= LEAST_WINDOWS:
                faces.append(Face(box, _confidence(in_all), roll_deg))
        # Largest first, so that the nearest person gets the first track.
        return sorted(faces, key=lambda face: -face.box.width)

    def follow(self, gray: NDArray[np.uint8], last: Box, roll_deg: float = 0.0) -> Face | None:
        """Return the face that was at *last*, searched for around it at about its size; None if it is not there.

        The surroundings are levelled by *roll_deg* before.
        """
        found = self._around(self._following, gray, last, roll_deg, self.detection.follow_min_neighbors)
        if found is None:
            found = self._around(self._helping, gray, last, roll_deg, self.detection.min_neighbors)
        if found is None:
            return None
        windows, box = found
        # As if the other cascade had found as many windows.
        return Face(box, _confidence(3 * windows), roll_deg)

    def _around(
        self, cascade: cv2.CascadeClassifier, gray: NDArray[np.uint8], last: Box, roll_deg: float, min_neighbors: int
    ) -> tuple[int, Box] | None:  # fmt: skip
        """Return what *cascade* finds around *last*, if it overlaps it enough, and how many windows agree on it."""
        x0, y0, x1, y1 = last.grown(FOLLOW_MARGIN).pixels(gray.shape)
        scale = min(1.0, self.detection.follow_side_px / last.width)
        # At the edge of the frame too little of the face may be left.
        if min(x1 - x0, y1 - y0) * scale < SIDE_PX:
            return None
        side = last.width * scale
        sides_px = max(SIDE_PX, int(side * FOLLOW_SIZES[0])), math.ceil(side * FOLLOW_SIZES[1])
        level, back = levelled(scaled(gray[y0:y1, x0:x1], scale), roll_deg)
        nearest = None
        overlap = MIN_OVERLAP
        # Of several, the one that overlaps most: the others may be faces of neighbours.
        for windows, found in _detect(cascade, level, sides_px, self.detection.scale_factor, min_neighbors):
            box = _turned_back(found, back, roll_deg).times(1 / scale).moved(x0, y0)
            if box.iou(last) > overlap:
                overlap = box.iou(last)
                nearest = windows, box
        return nearest


def _turned_back(box: Box, matrix: NDArray[np.float64], roll_deg: float) -> Box:
    """Return the upright box around the face that *box* holds in pixels levelled by *roll_deg*."""
    if roll_deg == 0:
        return box
    x = box.x + box.width / 2
    y = box.y + box.height / 2
    # Not as a product of matrices, whose last bit is another on another CPU.
    (a, b, right), (c, d, down) = matrix.tolist()
    return box._replace(x=a * x + b * y + right - box.width / 2, y=c * x + d * y + down - box.height / 2)


def _detect(
    cascade: cv2.CascadeClassifier, gray: NDArray[np.uint8], sides_px: tuple[int, int], scale_factor: float,
    min_neighbors: int,
) -> list[tuple[int, Box]]:  # fmt: skip
    """Return the faces in *gray* whose sides lie between *sides_px* (0: no limit): the windows that agree, the box."""
    if min(gray.shape) < SIDE_PX:
        return []
    smallest, largest = sides_px
    # This variant also returns how many windows agreed on each face.
    boxes, neighbors = cascade.detectMultiScale2(
        gray,
        scaleFactor=scale_factor,
        minNeighbors=min_neighbors,
        minSize=(smallest, smallest),
        maxSize=(largest, largest),
    )
    # OpenCV returns an empty tuple instead of an array where it finds nothing.
    windows = np.asarray(neighbors, int).ravel().tolist()
    places = np.asarray(boxes, float).reshape(-1, 4).tolist()
    return [(count, Box(*place)) for count, place in zip(windows, places, strict=True)]


def _confidence(windows: int) -> float:
    return windows / (windows + SURE_WINDOWS)


def open_haar(file: Path | None, min_face_px: int) -> HaarDetector:
    """Return the detector for faces of at least *min_face_px*. Raises `BadInput` if it is given a *file*."""
    if file is not None:
        raise BadInput(f"haar needs no file, and {file} was named; pass --detector haar")
    return HaarDetector(Detection(min_face_px=min_face_px))
