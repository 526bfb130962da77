"""Draws faces of the seven classes, to try edge-fer without a picture of anybody.

    python draw_faces.py FOLDER

Writes FOLDER/train/<class>/<number>.png, 60 of each class, and FOLDER/test, 30 of each. They are grey, 48x48, each with
its own light, place and noise. What a model reaches on them says nothing about people.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.preprocess import Preprocess
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face


def main(folder: Path) -> None:
    """Draw both parts into *folder*."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("test", 30)):
        for name in FER2013:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                cv2.imwrite(str(folder / part / name / f"{number}.png"), drawn(name, rng))


def drawn(name: str, rng: np.random.Generator) -> np.ndarray:
    """Return one face of the class *name*, ``(48, 48)`` uint8."""
    face = draw_face(EXPRESSIONS[name]).astype(float)
    height, width = face.shape
    left, top = rng.uniform(-0.06, 0.06, 2)
    lit = np.clip(face * rng.uniform(0.7, 1.2) + rng.normal(0, 18, face.shape), 0, 255).astype(np.uint8)
    return Preprocess(size_px=48).crop(lit, (left * width, top * height, width, height))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
