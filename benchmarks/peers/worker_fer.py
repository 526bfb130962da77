"""PyPI `fer` behind the protocol of ``compare.py``, in an environment of its own. Imports nothing of edge-fer."""

from __future__ import annotations

import json
import logging
import sys
import time
import zipfile
from typing import Any

import cv2
import numpy as np
from fer.fer import FER

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def frames(detector: FER, path: str, count: int) -> dict[str, Any]:
    """Detect and classify the photograph *count* times, with ``detect_emotions``."""
    image = cv2.imread(path)
    spent, found = [], []
    for _ in range(count):
        started = time.perf_counter()
        found = detector.detect_emotions(image)
        spent.append((time.perf_counter() - started) * 1e3)
    return {"ms": spent, "faces": [[int(v) for v in face["box"]] for face in found]}


def classify(whole: FER, path: str, names: list[str]) -> dict[str, Any]:
    """Classify cropped faces, told that each image is a face; without the margin that it adds to detected ones."""
    predicted = []
    with zipfile.ZipFile(path) as archive:
        for name in names:
            image = np.asarray(cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR))
            scores = whole.detect_emotions(image, [(0, 0, image.shape[1], image.shape[0])])[0]["emotions"]
            predicted.append(max(LABELS, key=scores.__getitem__))
    return {"predicted": predicted}


def main() -> None:
    """Answer one JSON object a line until the input ends."""
    logging.disable(logging.CRITICAL)
    detector = FER(min_face_size=64)  # the smallest face that edge-fer looks for by default
    whole = FER(offsets=(0, 0))
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "frames":
            answer = frames(detector, asked["path"], asked["count"])
        else:
            answer = classify(whole, asked["path"], asked["names"])
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
