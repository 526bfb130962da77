"""Face detection with YuNet (Wu, Peng and Yu, Machine Intelligence Research 2023), executed by OpenCV.

Its model is a file that the user names: ``face_detection_yunet_2023mar.onnx`` of OpenCV's model zoo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.detectors import model_files
from edge_fer.detectors.networks import Fit, NetworkDetector, points
from edge_fer.errors import BackendError, BadInput, MissingDependency, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SEARCH_SCORE: Final = 0.6
"""Least confidence of a face in a search."""
FOLLOW_SCORE: Final = 0.5
"""The same around a known face. Lower, since a face is likely there."""
NMS_IOU: Final = 0.3
MAX_FACES: Final = 200
"""Most candidates of a window that are looked at."""
STEP_PX: Final = 32
"""The sides of what the network computes on are multiples of this."""


class YuNet:
    """One YuNet in OpenCV's DNN module."""

    name = "yunet"
    fit = Fit(across=1.5, down=1.2, centre=0.29)
    window_px = 384
    least_px = 26
    follow_px = 60
    level_ratio = 0.25

    def __init__(self, content: bytes, least_score: float) -> None:
        if not hasattr(cv2, "FaceDetectorYN"):
            raise MissingDependency(
                f"OpenCV {cv2.__version__} has no FaceDetectorYN; pip install 'opencv-python-headless<5'"
            )
        self._size = STEP_PX, STEP_PX
        model = np.frombuffer(content, np.uint8)
        config = np.empty(0, np.uint8)
        try:
            self._detector = cv2.FaceDetectorYN.create(
                "onnx", model, config, self._size, least_score, NMS_IOU, MAX_FACES
            )
        except cv2.error as exc:
            raise BackendError(f"OpenCV {cv2.__version__} refuses the model: {_reason(exc)}") from exc

    def find(self, window: NDArray[np.uint8]) -> list[tuple[float, NDArray[np.float64]]]:
        """Return confidence and landmarks of each face: see `edge_fer.detectors.networks.Network`."""
        height, width = window.shape
        self._fit_input(width, height)
        columns, rows = self._size
        padded = cv2.copyMakeBorder(window, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT)
        try:
            _, found = self._detector.detect(cv2.cvtColor(padded, cv2.COLOR_GRAY2BGR))
        except cv2.error as exc:
            raise BackendError(f"OpenCV {cv2.__version__} failed to execute the model: {_reason(exc)}") from exc
        faces = []
        # x, y, width, height, then x and y of right eye, left eye, nose, right and left corner of the mouth; score.
        # OpenCV returns None where it finds nothing.
        for row in np.asarray([] if found is None else found, np.float64):
            eye, other_eye, nose, corner, other_corner = points(row[4:14])
            faces.append((float(row[14]), np.stack([eye, other_eye, nose, (corner + other_corner) / 2])))
        return faces

    def _fit_input(self, width: int, height: int) -> None:
        """Make the input as large as the window needs, whatever came before: with its size, answers change a little."""
        size = _rounded(width), _rounded(height)
        if size != self._size:  # half a millisecond
            self._size = size
            self._detector.setInputSize(size)


def load(content: bytes, min_face_px: int, path: Path) -> NetworkDetector:
    """Return the detector whose model has *content*; *path* is for messages. Raises `BadInput` if it is no YuNet."""
    try:
        searching = YuNet(content, SEARCH_SCORE)
        following = YuNet(content, FOLLOW_SCORE)
        # A network of other outputs is refused when it runs. The first run takes longest, too.
        for network in (searching, following):
            network.find(np.zeros((STEP_PX, STEP_PX), np.uint8))
    except BackendError as exc:
        raise BadInput(f"{path} is no YuNet of OpenCV's model zoo: {exc}") from exc
    return NetworkDetector(searching, following, min_face_px)


def open_yunet(file: Path | None, min_face_px: int) -> NetworkDetector:
    """Return the detector for faces of at least *min_face_px* with the model *file*.

    Raises `BadInput` without a file, for one that cannot be read or is no YuNet, and for a harmful one.
    """
    path, content = model_files.read("yunet", file)
    return load(content, min_face_px, path)


def _reason(exc: cv2.error) -> str:
    """Return OpenCV's words without the place in its source, where it names one."""
    return one_line(getattr(exc, "err", None) or exc)


def _rounded(side: int) -> int:
    return -(-side // STEP_PX) * STEP_PX
