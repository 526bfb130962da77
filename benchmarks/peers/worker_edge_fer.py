"""edge-fer behind the protocol of ``compare.py``: what ``edge-fer run`` does, one thread."""

from __future__ import annotations

import json
import sys
import time
import zipfile
from typing import Any

import cv2
import numpy as np

from edge_fer import Classifier, Frame, Pipeline


def frames(pipeline: Pipeline, path: str, count: int, start: int) -> dict[str, Any]:
    """Run the photograph *count* times as a camera of 30 frames a second would show it, full searches included."""
    image = np.asarray(cv2.imread(path))
    spent: list[float] = []
    faces: list[list[int]] = []
    for index in range(start, start + count):
        started = time.perf_counter()
        record = pipeline.process(Frame(image, index / 30, index, path))
        spent.append((time.perf_counter() - started) * 1e3)
        faces = [[round(v) for v in face.box] for face in record.faces]
    return {"ms": spent, "faces": faces}


def classify(classifier: Classifier, path: str, names: list[str]) -> dict[str, Any]:
    """Classify cropped faces, each image a face."""
    predicted = []
    with zipfile.ZipFile(path) as archive:
        for name in names:
            image = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_GRAYSCALE)
            crop = classifier.preprocess.crop(np.asarray(image, np.uint8))
            predicted.append(classifier.labels[int(classifier.scores(crop[np.newaxis]).argmax())])
    return {"predicted": predicted}


def main() -> None:
    """Answer one JSON object a line until the input ends."""
    cv2.setNumThreads(1)
    classifier = Classifier.load("cnn-1")
    pipeline = Pipeline(classifier)
    seen = 0
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "frames":
            answer = frames(pipeline, asked["path"], asked["count"], seen)
            seen += asked["count"]
        else:
            answer = classify(classifier, asked["path"], asked["names"])
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
