"""Fill the csv of ``edge-fer eval --export`` with what PyPI `fer` answers: the example of an adapter.

    edge-fer eval --data faces/ --export to-ask/ --sweeps resolution
    <python with fer> benchmarks/peers/answers_fer.py to-ask/answers.csv fer.csv
    edge-fer eval cnn-1 fer.csv --data faces/ --sweeps resolution

It runs in an environment of its own (``compare.py`` makes one) and imports nothing of edge-fer: a cloud service or a
desktop program is asked in the same way. Each image is told to be a face, without the margin that `fer` adds to faces
that it has detected.
"""

from __future__ import annotations

import csv
import logging
import sys
from pathlib import Path

import cv2
import numpy as np
from fer.fer import FER

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def main() -> None:
    """Read the rows that are asked for, write them with a score a label."""
    logging.disable(logging.CRITICAL)
    asked, written = Path(sys.argv[1]), Path(sys.argv[2])
    detector = FER(offsets=(0, 0))
    with asked.open(newline="", encoding="utf-8") as source, written.open("w", newline="", encoding="utf-8") as sink:
        rows = csv.DictReader(source)
        answers = csv.DictWriter(sink, ["condition", "path", *LABELS])
        answers.writeheader()
        for number, row in enumerate(rows):
            image = np.asarray(cv2.imread(str(asked.parent / row["image"]), cv2.IMREAD_COLOR))
            scores = detector.detect_emotions(image, [(0, 0, image.shape[1], image.shape[0])])[0]["emotions"]
            answers.writerow({"condition": row["condition"], "path": row["path"], **{k: scores[k] for k in LABELS}})
            if number % 1000 == 0:
                print(f"{number} faces", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
