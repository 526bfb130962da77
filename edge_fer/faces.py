"""Face detection with OpenCV's Haar cascade, in a whole frame or around a known face."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASCADE: Final = "haarcascade_frontalface_default.xml"
CASCADE_SIDE_PX: Final = 24
"""Side of the window that the cascade was trained on: it finds no smaller face."""
LARGEST_SIDE_PX: Final = 2**15
"""No picture is larger. OpenCV's numbers end at 2**31."""
MAX_SEARCHED_PX: Final = 4_000_000
"""Pixels at the finest scale of a search in a reduced frame, where the smallest face has the cascade's side. OpenCV
takes about 50 bytes for each, so that they bound the memory of a search."""
FOLLOW_MARGIN: Final = 0.25
"""How far around a known face it is searched for, as a share of its size on each side."""
FOLLOW_SIZES: Final = (0.8, 1.3)
"""Smallest and largest size at which a known face is searched for, relative to its last size."""
MIN_OVERLAP: Final = 0.2
"""Least intersection over union with its last box at which a found face is taken for the known one."""


class Face(NamedTuple):
    """A detected face."""

    box: Box
    confidence: float
    """n / (n + min_neighbors), where n detector windows agree on this face. It ranks faces and is no probability."""


def cascade_path(name: str = CASCADE) -> Path:
    """Return the path of OpenCV's cascade file *name*. Raises `MissingDependency` if it is not installed."""
    if not hasattr(cv2, "CascadeClassifier"):
        raise MissingDependency(
            f"OpenCV {cv2.__version__} has no CascadeClassifier (dropped from the wheels of 5.0); "
            "install an OpenCV 4: pip install 'opencv-python-headless<5'"
        )
    folders = [Path("/usr/share/opencv4/haarcascades")]
    # Only the wheels have cv2.data; Debian's OpenCV keeps the cascades in a package of their own.
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
    """Parameters of the face search. Raises `BadInput` for values outside their range."""

    min_face_px: int = 64
    """Side of the smallest face to search for, in pixels of the frame. Twice the side is four times as fast."""
    scale_factor: float = 1.1
    """Ratio of successive window sizes. A smaller ratio is slower and finds a little more."""
    min_neighbors: int = 5
    """How many overlapping windows must agree on a face in a search of the whole frame."""
    follow_scale_factor: float = 1.2
    """`scale_factor` around a known face. Coarser, since its size is nearly known."""
    follow_min_neighbors: int = 1
    """`min_neighbors` around a known face. Lower, since a face is likely there."""
    search_side_px: int = 30
    """Side to which the smallest face is scaled down before the whole frame is searched, in pixels."""
    follow_side_px: int = 60
    """Side to which a known face is scaled down before the search around it, in pixels. Below 60, faces are lost now
    and then and boxes become too small: near its own 24 px the cascade tries only a few sizes."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        sides = (self.min_face_px, self.search_side_px, self.follow_side_px)
        if min(sides) < CASCADE_SIDE_PX:
            raise BadInput(f"face sides are {sides} px; the cascade sees nothing smaller than {CASCADE_SIDE_PX} px")
        if max(sides) > LARGEST_SIDE_PX:
            raise BadInput(f"face sides are {sides} px; no picture has faces of more than {LARGEST_SIDE_PX} px")
        for factor in (self.scale_factor, self.follow_scale_factor):
            # Written so that NaN is refused as well. The closer to 1, the more sizes are searched.
            if not 1.01 <= factor <= 2.0:
                raise BadInput(f"scale factor is {factor}; pass a value in [1.01, 2.0]")
        if min(self.min_neighbors, self.follow_min_neighbors) < 1:
            raise BadInput(f"min neighbors are {self.min_neighbors}, {self.follow_min_neighbors}; pass 1 or more")


class HaarDetector:
    """OpenCV's frontal-face Haar cascade. It searches frames scaled down as far as the wanted faces allow."""

    def __init__(self, detection: Detection | None = None, cascade: Path | None = None) -> None:
        self.detection = detection or Detection()
        path = cascade or cascade_path()
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise BadInput(f"{path} is not a cascade that OpenCV reads; reinstall opencv-python-headless")

    def search(self, gray: NDArray[np.uint8], reduced: int = 1) -> list[Face]:
        """Return all faces of at least ``min_face_px`` in grey ``(height, width)`` uint8 *gray*, largest first.

        Each pixel of *gray* stands for *reduced* of the frame in width and height, of which ``min_face_px`` are meant.
        In a reduced frame, faces are searched for no finer than `MAX_SEARCHED_PX` allow.
        """
        detection = self.detection
        min_face_px = max(CASCADE_SIDE_PX, detection.min_face_px / reduced)
        if reduced > 1:
            min_face_px = max(min_face_px, CASCADE_SIDE_PX * math.sqrt(gray.size / MAX_SEARCHED_PX))
        scale = min(1.0, detection.search_side_px / min_face_px)
        smallest = max(CASCADE_SIDE_PX, round(min_face_px * scale))
        effort = detection.scale_factor, detection.min_neighbors
        # Without an upper limit: a face may fill the frame.
        faces = self._detect(_scaled(gray, scale), scale, (0, 0), (smallest, 0), effort)
        # Largest first, so that the nearest person gets the first track.
        return sorted(faces, key=lambda face: -face.box.width)

    def follow(self, gray: NDArray[np.uint8], last: Box) -> Face | None:
        """Return the face that was at *last*, searched for around it at about its size; None if it is not there."""
        x0, y0, x1, y1 = last.grown(FOLLOW_MARGIN).pixels(gray.shape)
        scale = min(1.0, self.detection.follow_side_px / last.width)
        # At the edge of the frame too little of the face may be left.
        if min(x1 - x0, y1 - y0) * scale < CASCADE_SIDE_PX:
            return None
        side = last.width * scale
        smallest = max(CASCADE_SIDE_PX, int(side * FOLLOW_SIZES[0]))
        largest = math.ceil(side * FOLLOW_SIZES[1])
        effort = self.detection.follow_scale_factor, self.detection.follow_min_neighbors
        surroundings = _scaled(gray[y0:y1, x0:x1], scale)
        found = self._detect(surroundings, scale, (x0, y0), (smallest, largest), effort)
        # Of several, the one that overlaps most: the others may be faces of neighbours.
        nearest = max(found, key=lambda face: face.box.iou(last), default=None)
        if nearest is None or nearest.box.iou(last) <= MIN_OVERLAP:
            return None
        return nearest

    def _detect(
        self,
        gray: NDArray[np.uint8],
        scale: float,
        origin: tuple[int, int],
        sides_px: tuple[int, int],
        effort: tuple[float, int],
    ) -> list[Face]:
        """Search *gray*, a part of the frame that begins at *origin*, scaled by *scale*. Return faces in frame pixels.

        *sides_px* are the smallest and the largest side of a face in *gray* (0: no limit), *effort* the scale factor
        and the min neighbors.
        """
        if min(gray.shape) < CASCADE_SIDE_PX:
            return []
        smallest, largest = sides_px
        scale_factor, min_neighbors = effort
        # This variant also returns how many windows agreed on each face.
        boxes, neighbors = self._cascade.detectMultiScale2(
            gray,
            scaleFactor=scale_factor,
            minNeighbors=min_neighbors,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
        )
        # OpenCV returns an empty tuple instead of an array where it finds nothing.
        agreeing = np.asarray(neighbors, float).ravel().tolist()
        places = np.asarray(boxes, float).reshape(-1, 4) / scale
        places[:, :2] += origin
        faces = []
        for place, count in zip(places.tolist(), agreeing, strict=True):
            faces.append(Face(Box(*place), count / (count + min_neighbors)))
        return faces


def _scaled(gray: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale >= 1.0:
        return gray
    height, width = gray.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # INTER_AREA averages the pixels; bilinear resampling would skip some and alias.
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
