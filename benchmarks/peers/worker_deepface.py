"""DeepFace: its emotion model behind OpenCV's Haar. Needs its weights on the disk."""

from __future__ import annotations

import cv2
import numpy as np
from deepface import DeepFace
from protocol import LABELS, arguments, serve


def main() -> None:
    """Answer with ``DeepFace.analyze``."""
    options = arguments()

    def scores(picture: np.ndarray, detector: str) -> list[dict[str, float]]:
        found = DeepFace.analyze(
            picture, actions=["emotion"], detector_backend=detector, enforce_detection=False, silent=True
        )
        return [face["emotion"] for face in found]

    def label(image: np.ndarray) -> int:
        found = scores(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), "skip")[0]
        return int(np.argmax([found[name] for name in LABELS]))

    serve(options, "deepface", lambda picture: len(scores(picture, "opencv")), label)


if __name__ == "__main__":
    main()
