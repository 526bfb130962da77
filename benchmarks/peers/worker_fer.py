"""PyPI `fer`: Haar on each frame, mini-XCEPTION on TensorFlow."""

from __future__ import annotations

import logging

import cv2
import numpy as np
from fer.fer import FER
from protocol import LABELS, arguments, serve


def main() -> None:
    """Answer with ``detect_emotions``; a given face is classified without the margin that it adds to detected ones."""
    logging.disable(logging.CRITICAL)
    options = arguments()
    detector, whole = FER(min_face_size=64), FER(offsets=(0, 0))  # 64: what edge-fer looks for by default

    def label(image: np.ndarray) -> int:
        height, width = image.shape
        colour = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        scores = whole.detect_emotions(colour, [(0, 0, width, height)])[0]["emotions"]
        return int(np.argmax([scores[name] for name in LABELS]))

    serve(options, "fer", lambda picture: len(detector.detect_emotions(picture)), label)


if __name__ == "__main__":
    main()
