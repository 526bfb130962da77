"""Faces: OpenCV's Haar cascade, on a whole frame and around a face that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASCADE = "haarcascade_frontalface_default.xml"
CASCADE_SIDE_PX = 24  # the window that the cascade was trained on


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
        x0, y0, x1, y1 = last.grown(0.25).pixels(gray.shape)
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
