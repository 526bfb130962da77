"""A process that follows faces in the way of one version of edge-fer, frame by frame.

``measure.py`` starts one for each way and sends a line of JSON for each frame, whose pixels lie in a file; the answer
is a line of JSON. Each version of edge-fer has its own follower, which knows how that version is driven; the protocol
is the same:

======  ============================================================================================
begin   forget all faces: a new film, or an unrelated picture
frame   process the frame of ``shape``, ``time_s``, ``index`` and ``reduced``; returns ``faces``, each as
        track, x, y, width, height, state, how it was seen; and ``cpu_ms`` of finding and following
======  ============================================================================================
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_fer import bundle as bundles
from edge_fer.classifier import Classifier
from edge_fer.errors import BadInput, EdgeFerError, MissingDependency
from edge_fer.pipeline import Pipeline
from edge_fer.sources import Frame
from edge_fer.tracking import FaceTracker

if TYPE_CHECKING:
    from edge_fer.tracking import Track


class TimedTracker(FaceTracker):
    """A tracker that tells the CPU time of its last frame."""

    cpu_ms = 0.0

    def update(self, *arguments: Any, **options: Any) -> list[Track]:
        """Find and follow."""
        # Of the whole process: a search in another thread is work as well.
        began = time.process_time()
        tracks = super().update(*arguments, **options)
        self.cpu_ms = (time.process_time() - began) * 1e3
        return tracks


def tracker(detector: str, min_face_px: int) -> TimedTracker:
    """Return the tracker of this version with the detector ``NAME[:FILE]``: the one place that knows how it is made."""
    return TimedTracker(_detector(detector, min_face_px))


def _detector(detector: str, min_face_px: int) -> Any:
    if importlib.util.find_spec("edge_fer.detectors") is not None:
        return importlib.import_module("edge_fer.detectors").open_detector(detector, min_face_px)
    # This file also drives versions that have no follower of their own. They had one detector.
    if detector != "haar":
        raise BadInput(f"no detector {detector!r}; this version has: haar")
    faces = importlib.import_module("edge_fer.faces")
    return faces.HaarDetector(faces.Detection(min_face_px=min_face_px))


class Follower:
    """One way of following, with the states of one model."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._classifier = Classifier(bundles.load(options.model, trusted=True))
        self.begin()

    def begin(self) -> dict[str, Any]:
        """Forget all faces."""
        self._tracker = tracker(self._options.detector, self._options.min_face)
        self._pipeline = Pipeline(self._classifier, self._tracker)
        return {}

    def frame(self, shape: list[int], time_s: float, index: int, reduced: int) -> dict[str, Any]:
        """Process one frame."""
        pixels = np.fromfile(self._options.frames, np.uint8).reshape(shape)
        record = self._pipeline.process(Frame(pixels, time_s, index, "film", reduced=reduced))
        faces: list[list[Any]] = []
        for face in record.faces:
            box = [round(float(value), 2) for value in face.box]
            faces.append([face.track, *box, face.state, getattr(face, "seen", "")])
        return {"faces": faces, "cpu_ms": self._tracker.cpu_ms}


def main() -> None:
    """Say hello, then answer until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, required=True, help="the file in which the pixels of each frame lie")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--min-face", type=int, required=True)
    parser.add_argument("--model", required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        follower = Follower(options)
        _send({})
        for line in sys.stdin:
            request = json.loads(line)
            do = request.pop("do")
            _send(follower.begin() if do == "begin" else follower.frame(**request))
    except EdgeFerError as exc:
        _send({"error": str(exc), "missing": isinstance(exc, MissingDependency)})


def _send(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201  (stdout is the channel)


if __name__ == "__main__":
    main()
