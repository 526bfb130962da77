"""DeepFace: its emotion model behind OpenCV's Haar cascade. Needs its weights on the disk."""

from __future__ import annotations

import cv2
import numpy as np
from deepface import DeepFace
from protocol import LABELS, arguments, serve


def main() -> None:
    """Answer the harness with ``DeepFace.analyze``."""
    options = arguments()

    def emotions(picture: np.ndarray, detector: str) -> list[dict[str, float]]:
        faces = DeepFace.analyze(
            picture, actions=["emotion"], detector_backend=detector, enforce_detection=False, silent=True
        )
        return [face["emotion"] for face in faces]

    def frame(picture: np.ndarray) -> int:
        return len(emotions(picture, "opencv"))

    def label(image: np.ndarray) -> int:
        scores = emotions(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), "skip")[0]
        return int(np.argmax([scores[name] for name in LABELS]))

    serve(options, "deepface", frame, label)


if __name__ == "__main__":
    main()
