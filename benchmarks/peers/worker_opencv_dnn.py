"""Plain OpenCV, as its tutorials do it: its Haar cascade on each frame, our own float32 ONNX file in ``cv2.dnn``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from protocol import MIN_FACE_PX, arguments, serve

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Answer the harness with a cascade and a network."""
    options = arguments(onnx="the float32 model, faces as (1, N, N, 1) in [0, 1]", size="N")
    net = cv2.dnn.readNetFromONNX(options.onnx)
    side = int(options.size)
    haar = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"))

    def label(face: np.ndarray) -> int:
        crop = cv2.resize(face, (side, side)).astype(np.float32) / 255
        net.setInput(crop[np.newaxis, ..., np.newaxis])
        return int(net.forward().argmax())

    def frame(picture: np.ndarray) -> Sequence[Sequence[int]]:
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        boxes: Sequence[Sequence[int]] = haar.detectMultiScale(gray, 1.1, 5, minSize=(MIN_FACE_PX, MIN_FACE_PX))
        for x, y, width, height in boxes:
            label(gray[y : y + height, x : x + width])
        return boxes

    serve(options, "opencv-python-headless", frame, label)


if __name__ == "__main__":
    main()
