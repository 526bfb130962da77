"""EmotiEffLib (formerly HSEmotion) on ONNX Runtime, behind OpenCV's Haar cascade. Needs its weights on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from emotiefflib.facial_analysis import EmotiEffLibRecognizer
from protocol import LABELS, MIN_FACE_PX, arguments, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL = "enet_b0_8_best_vgaf"
#: Our label → EmotiEffLib's. Contempt, which FER2013 does not have, is left out.
THEIR_LABELS = dict(
    zip(LABELS, ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral"), strict=True)
)


def main() -> None:
    """Answer the harness with a cascade and ``predict_emotions``."""
    options = arguments()
    recognizer = EmotiEffLibRecognizer(engine="onnx", model_name=MODEL)
    classes = list(recognizer.idx_to_emotion_class.values())
    columns = [classes.index(THEIR_LABELS[label]) for label in LABELS]
    haar = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"))

    def scores(face: np.ndarray) -> np.ndarray:
        _, rows = recognizer.predict_emotions(cv2.cvtColor(face, cv2.COLOR_BGR2RGB), logits=False)
        return np.asarray(rows)[0, columns]

    def frame(picture: np.ndarray) -> Sequence[Sequence[int]]:
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        boxes: Sequence[Sequence[int]] = haar.detectMultiScale(gray, 1.1, 5, minSize=(MIN_FACE_PX, MIN_FACE_PX))
        for x, y, width, height in boxes:
            scores(picture[y : y + height, x : x + width])
        return boxes

    def label(image: np.ndarray) -> int:
        return int(scores(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)).argmax())

    serve(options, "emotiefflib", frame, label)


if __name__ == "__main__":
    main()
