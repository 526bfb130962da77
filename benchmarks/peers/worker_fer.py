"""PyPI `fer`: OpenCV's Haar cascade on each frame, mini-XCEPTION on TensorFlow."""

from __future__ import annotations

import logging

import cv2
import numpy as np
from fer.fer import FER
from protocol import LABELS, MIN_FACE_PX, arguments, serve


def main() -> None:
    """Answer the harness with ``detect_emotions``."""
    logging.disable(logging.CRITICAL)  # fer logs every face
    options = arguments()
    detector = FER(min_face_size=MIN_FACE_PX)
    classifier = FER(offsets=(0, 0))  # a test image is all face: without the margin of a detected one

    def frame(picture: np.ndarray) -> list[list[float]]:
        return [list(face["box"]) for face in detector.detect_emotions(picture)]

    def label(image: np.ndarray) -> int:
        height, width = image.shape
        picture = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        scores = classifier.detect_emotions(picture, [(0, 0, width, height)])[0]["emotions"]
        return int(np.argmax([scores[name] for name in LABELS]))

    serve(options, "fer", frame, label)


if __name__ == "__main__":
    main()
