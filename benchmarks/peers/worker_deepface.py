"""DeepFace: its emotion model behind OpenCV's Haar cascade. Needs its weights on the disk."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from deepface import DeepFace
from protocol import LABELS, arguments, serve


def main() -> None:
    """Answer the harness with ``DeepFace.analyze``."""
    options = arguments()

    def analyze(picture: np.ndarray, detector: str) -> list[dict[str, Any]]:
        faces: list[dict[str, Any]] = DeepFace.analyze(
            picture, actions=["emotion"], detector_backend=detector, enforce_detection=False, silent=True
        )
        return faces

    def frame(picture: np.ndarray) -> list[list[float]]:
        # Without a face it analyses the whole picture, and tells a confidence of 0.
        faces = [face for face in analyze(picture, "opencv") if face["face_confidence"] > 0]
        return [[face["region"][side] for side in ("x", "y", "w", "h")] for face in faces]

    def label(image: np.ndarray) -> int:
        scores = analyze(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), "skip")[0]["emotion"]
        return int(np.argmax([scores[name] for name in LABELS]))

    serve(options, "deepface", frame, label)


if __name__ == "__main__":
    main()
