"""Fills the csv of ``edge-fer eval --export`` with the answers of PyPI `fer`: an example of an adapter.

    edge-fer eval --data faces/ --export to-ask/ --sweeps resolution
    <python with fer> benchmarks/peers/answers_fer.py to-ask/answers.csv fer.csv
    edge-fer eval cnn-1 fer.csv --data faces/ --sweeps resolution

It runs in an environment of its own (``compare.py`` makes one) and imports nothing of edge-fer. An adapter of a cloud
service or a desktop program works in the same way. Each image is passed as one face, without the margin that `fer` adds
to the faces that it detects.
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
    """Read the rows to answer, and write each with a score for each label."""
    logging.disable(logging.CRITICAL)  # fer logs every face
    questions_path = Path(sys.argv[1])
    answers_path = Path(sys.argv[2])
    detector = FER(offsets=(0, 0))
    with (
        questions_path.open(newline="", encoding="utf-8") as questions,
        answers_path.open("w", newline="", encoding="utf-8") as answers,
    ):
        writer = csv.DictWriter(answers, ["condition", "path", *LABELS])
        writer.writeheader()
        for number, row in enumerate(csv.DictReader(questions)):
            scores = scores_of(detector, questions_path.parent / row["image"])
            writer.writerow({"condition": row["condition"], "path": row["path"], **scores})
            if number % 1000 == 0:
                print(f"{number} faces", file=sys.stderr)  # noqa: T201


def scores_of(detector: FER, path: Path) -> dict[str, float]:
    """Return the score of each label for the face that fills the image *path*."""
    image = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR))
    height, width = image.shape[:2]
    emotions = detector.detect_emotions(image, [(0, 0, width, height)])[0]["emotions"]
    return {label: emotions[label] for label in LABELS}


if __name__ == "__main__":
    main()
