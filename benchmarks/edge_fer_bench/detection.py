"""How detectors do on the film, each frame by itself: what a search and a follow cost, and which faces are found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.text import counted
from edge_fer_bench.following import MIN_VISIBLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from edge_fer.detectors import Detector, Face
    from edge_fer_bench.results import Detection, Measurement
    from edge_fer_bench.scene import Film, Scene

FOUND_IOU: Final = 0.3
"""Intersection over union with a true face from which on it counts as found."""
FRAMES: Final = 30
"""About as many frames of the film are searched."""
COLUMNS: Final = ("detector", "search CPU ms", "follow CPU ms", "frames/s", "found", "false")

Truth = list[tuple[int, list[Box]]]
"""Frames of the film, by number, and the faces in each."""


def truth(scene: Scene) -> Truth:
    """Return every so many frames of the film of *scene* and where the faces in them are, hidden ones left out."""
    camera = scene.camera()
    frames: Truth = []
    for index in range(0, scene.frames, max(1, scene.frames // FRAMES)):
        faces = camera.frame(scene.shown(index)).truth
        boxes = [Box(*map(float, face.box)) for face in faces if face.visible >= MIN_VISIBLE]
        frames.append((index, boxes))
    return frames


def measure(detector: Detector, film: Film, frames: Sequence[tuple[int, Sequence[Sequence[float]]]]) -> dict[str, Any]:
    """Search *frames* of *film*, follow what is found in the frame after, and return a `Detection` as a dictionary.

    CPU time is that of all threads of this process.
    """
    searches_ms: list[float] = []
    follows_ms: list[float] = []
    faces = found = false = 0
    for index, true_boxes in frames:
        gray = _gray(film, index)
        began = time.process_time()
        seen = detector.search(gray)
        searches_ms.append((time.process_time() - began) * 1e3)
        matched = _matched([Box(*box) for box in true_boxes], seen)
        faces += len(true_boxes)
        found += matched
        false += len(seen) - matched
        after = _gray(film, index + 1)
        for face in seen:
            began = time.process_time()
            detector.follow(after, face.box, face.roll_deg)
            follows_ms.append((time.process_time() - began) * 1e3)
    return {"search_cpu_ms": searches_ms, "follow_cpu_ms": follows_ms, "faces": faces, "found": found, "false": false}


def rows(measurements: Iterable[Measurement]) -> list[tuple[str, ...]]:
    """Return a row of cells for each detector that was measured, under `COLUMNS`; an empty list if none was."""
    by_detector: dict[str, Measurement] = {}
    for measurement in measurements:
        # The first is the fastest, and what a detector finds is the same with each target.
        if measurement.detection is not None:
            by_detector.setdefault(measurement.detector, measurement)
    cells = [_cells(name, measurement, measurement.detection) for name, measurement in by_detector.items()]
    return [COLUMNS, *cells] if cells else []


def _cells(name: str, measurement: Measurement, detection: Detection | None) -> tuple[str, ...]:
    if detection is None:
        return (name,) + ("–",) * (len(COLUMNS) - 1)
    return (
        name,
        _median(detection.search_cpu_ms),
        _median(detection.follow_cpu_ms),
        f"{1000 / measurement.frames_ms().mean():.0f}",
        "–" if detection.share is None else f"{detection.share:.0%} of {counted(detection.faces, 'face')}",
        str(detection.false),
    )


def _median(milliseconds: Sequence[float]) -> str:
    return f"{np.median(milliseconds):.2f}" if milliseconds else "–"


def _gray(film: Film, index: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(film.picture(index), cv2.COLOR_BGR2GRAY), np.uint8)


def _matched(true_boxes: Sequence[Box], seen: Sequence[Face]) -> int:
    """Return how many of *true_boxes* were *seen*, each face standing for one of them."""
    left = [face.box for face in seen]
    matched = 0
    for box in true_boxes:
        best = max(left, key=box.iou, default=None)
        if best is not None and box.iou(best) > FOUND_IOU:
            left.remove(best)
            matched += 1
    return matched
