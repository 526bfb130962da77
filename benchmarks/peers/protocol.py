"""How a peer answers the harness; ``edge_fer_bench.worker`` lists the questions.

Peers run in environments of their own, so this imports nothing of edge-fer: numpy and OpenCV are all it needs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    #: x, y, width and height of each face, in pixels; None where the program does not tell them.
    Boxes = Sequence[Sequence[float]] | None

MIN_FACE_PX = 48
"""The smallest face that edge-fer looks for by default: peers that can be told look for the same."""
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def arguments(**more: str) -> argparse.Namespace:
    """Parse the options of every worker, and *more* required ones: name → help."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scene", required=True, help="the film, (frames, height, width) uint8 as .npy")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=1)
    for name, help_text in more.items():
        parser.add_argument(f"--{name}", required=True, help=help_text)
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    return options


def serve(
    options: argparse.Namespace,
    package: str,
    frame: Callable[[np.ndarray], Boxes],
    label: Callable[[np.ndarray], int],
) -> None:
    """Say hello after the first frame, then answer questions until the input ends.

    *package* is the distribution whose version is reported. *frame* detects and classifies the faces of a BGR picture
    and returns where they are; *label* returns the index into `LABELS` of a face that fills a grey picture.
    """
    film = np.load(options.scene, mmap_mode="r")
    faces = frame(_picture(film, 0))
    runtime = {"runtime": package, "version": metadata.version(package), "threads": options.threads}
    found = None if faces is None else len(faces)
    _answer({"runtime": {**runtime, "faces_in_first_frame": found}})
    shown = 1
    for line in sys.stdin:
        question = json.loads(line)
        if question["do"] == "frames":
            times_ms = _frames(film, shown, frame, question["seconds"], question["turn"])
            shown += len(times_ms)
            answer: dict[str, Any] = {"frame_ms": times_ms}
        elif question["do"] == "report_faces":
            answer = {"faces": [_boxes(frame(_picture(film, index))) for index in range(question["frames"])]}
        else:
            with np.load(question["data"]) as arrays:
                answer = {"predicted": [label(image) for image in arrays["images"]]}
        _answer({**answer, "cpu_s": time.process_time()})


def _picture(film: np.ndarray, index: int) -> np.ndarray:
    """Return a frame of *film* as a camera delivers it."""
    return np.asarray(cv2.cvtColor(film[index], cv2.COLOR_GRAY2BGR))


def _boxes(boxes: Boxes) -> list[list[float]] | None:
    """Return *boxes* in Python's own numbers, which JSON takes."""
    return None if boxes is None else [[float(value) for value in box] for box in boxes]


def _frames(
    film: np.ndarray, shown: int, frame: Callable[[np.ndarray], Boxes], seconds: float, turn: int
) -> list[float]:
    """Return the milliseconds of each frame, for *seconds* and on to a multiple of *turn* frames.

    The film is played forwards and backwards in turn, from where it stopped after *shown* frames.
    """
    times_ms: list[float] = []
    end = time.perf_counter() + seconds
    period = 2 * len(film) - 2  # the first and the last frame are shown once in each period, the others twice
    while time.perf_counter() < end or not times_ms or len(times_ms) % turn:
        position = (shown + len(times_ms)) % period
        index = position if position < len(film) else period - position
        picture = _picture(film, index)
        began = time.perf_counter()
        frame(picture)
        times_ms.append((time.perf_counter() - began) * 1e3)
    return times_ms


def _answer(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201  (stdout is the answer)
