"""How a peer answers the harness (``edge_fer_bench.worker`` tells the questions). Imports nothing of edge-fer.

Peers run in environments of their own: numpy and OpenCV are all that is needed here.
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
    from collections.abc import Callable

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def arguments(**more: str) -> argparse.Namespace:
    """Read what every worker is started with, and *more* options: name → help."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scene", required=True, help="the film, (frames, height, width) uint8 as .npy")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--threads", type=int, default=1)
    for name, words in more.items():
        parser.add_argument(f"--{name}", required=True, help=words)
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    return options


def serve(
    options: argparse.Namespace,
    package: str,
    frame: Callable[[np.ndarray], int],
    label: Callable[[np.ndarray], int],
) -> None:
    """Say hello after the first frame, then answer until the input ends.

    *frame* detects and classifies a BGR picture and returns how many faces it found; *label* returns the index into
    `LABELS` of one face that is all of a grey picture.
    """
    film = np.load(options.scene, mmap_mode="r")
    found = frame(cv2.cvtColor(film[0], cv2.COLOR_GRAY2BGR))
    runtime = {"runtime": package, "version": metadata.version(package), "threads": options.threads}
    _tell({"runtime": {**runtime, "faces_in_first_frame": found}})
    seen = 1
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "frames":
            spent = _frames(film, seen, frame, asked["seconds"], asked["turn"])
            seen += len(spent)
            answer: dict[str, Any] = {"frame_ms": spent}
        else:
            with np.load(asked["data"]) as faces:
                answer = {"predicted": [label(image) for image in faces["images"]]}
        _tell({**answer, "cpu_s": time.process_time()})


def _frames(film: np.ndarray, seen: int, frame: Callable[[np.ndarray], int], seconds: float, turn: int) -> list[float]:
    """Return the milliseconds of each frame; the film goes forwards and backwards in turn."""
    spent: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not spent or len(spent) % turn:
        at = (seen + len(spent)) % (2 * len(film) - 2)
        picture = cv2.cvtColor(film[at if at < len(film) else 2 * len(film) - 2 - at], cv2.COLOR_GRAY2BGR)
        began = time.perf_counter()
        frame(picture)
        spent.append((time.perf_counter() - began) * 1e3)
    return spent


def _tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201
