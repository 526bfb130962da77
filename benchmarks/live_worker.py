"""A process that plays films behind a camera to one version of edge-fer, for ``live.py``: a line of JSON for each.

It imports `edge_fer` alone, of whichever version ``PYTHONPATH`` names, so it uses what all versions have.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer import bundle as bundles
from edge_fer.classifier import Classifier
from edge_fer.errors import EdgeFerError, MissingDependency
from edge_fer.pipeline import Pipeline
from edge_fer.sources.camera import Camera

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTLE_S: Final = 1.0
"""How long a film is played before it counts: until who is in it is known, and what is loaded once is loaded."""


class Capture:
    """A film in place of ``cv2.VideoCapture``: *fps* frames a second, forwards and backwards in turn."""

    def __init__(self, film: NDArray[np.uint8], fps: float) -> None:
        self._film = film
        self._fps = fps
        self._began_s = time.perf_counter()
        self._next = 0
        self.cpu_s = 0.0
        """What making the frames has taken, in place of a camera's driver."""

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return True: a film is always open."""
        return True

    def read(self) -> tuple[bool, Any]:
        """Wait for the moment of the next frame, and return it."""
        # Counted from the beginning, so that the rate holds whatever reading takes.
        wait_s = self._began_s + self._next / self._fps - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        last = len(self._film) - 1
        within = self._next % (2 * last)
        self._next += 1
        # As a driver does: what was written a moment ago is in the caches, and the film itself is not.
        began_s = time.thread_time()
        picture = self._film[min(within, 2 * last - within)].copy()
        self.cpu_s += time.thread_time() - began_s
        return True, picture

    def release(self) -> None:
        """Do nothing: no device is held."""


class Player:
    """A pipeline as ``edge-fer run`` makes it, and what it takes."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._classifier = Classifier(bundles.load(options.model, trusted=True), threads=options.threads)

    def play(self, film: str, seconds: float) -> dict[str, Any]:
        """Play *film*, ``(frames, height, width, 3)`` uint8 as .npy, for *seconds* after `SETTLE_S`.

        Return the milliseconds of each frame without waiting for it, how many of them had a face, how many frames were
        dropped, and the CPU seconds of the whole process but for making the frames.
        """
        # Without a detector, the one that this version takes by default.
        pipeline = self._pipeline()
        pictures = np.load(film, mmap_mode="r")
        fps = self._options.fps
        capture = Capture(pictures, fps)
        frame_ms: list[float] = []
        faces = dropped = 0
        began_s = cpu_s = -1.0
        with Camera("film", fps=fps, opener=lambda *_: capture) as camera:
            settled_s = time.perf_counter() + SETTLE_S
            for _, record in pipeline.run(camera):
                now_s = time.perf_counter()
                if began_s < 0:
                    if now_s >= settled_s:
                        began_s = now_s
                        cpu_s = time.process_time() - capture.cpu_s
                        dropped = camera.dropped
                    continue
                frame_ms.append(sum(record.stage_ms.values()) - record.stage_ms["capture"])
                faces += bool(record.faces)
                if now_s - began_s >= seconds:
                    break
            cpu_s = time.process_time() - capture.cpu_s - cpu_s
            wall_s = time.perf_counter() - began_s
            dropped = camera.dropped - dropped
        return {"frame_ms": frame_ms, "faces": faces, "dropped": dropped, "cpu_s": cpu_s, "wall_s": wall_s}

    def _pipeline(self) -> Pipeline:
        if self._options.detector is None:
            return Pipeline(self._classifier)
        from edge_fer.detectors import open_detector
        from edge_fer.tracking import FaceTracker

        return Pipeline(self._classifier, FaceTracker(open_detector(self._options.detector)))


def main() -> None:
    """Say hello, then answer until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--fps", type=float, required=True)
    parser.add_argument("--detector")
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    try:
        player = Player(options)
        _send({})
        for line in sys.stdin:
            request = json.loads(line)
            request.pop("do")
            _send({"played": player.play(**request)})
    except EdgeFerError as exc:
        _send({"error": str(exc), "missing": isinstance(exc, MissingDependency)})


def _send(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201  (stdout is the channel)


if __name__ == "__main__":
    main()
