"""Accuracy on FER2013 PublicTest of the two networks of a fused model, each alone, and of their product.

    KERAS_BACKEND=torch python experiments/branches.py fer2013/ convert/weights/fused-product.npz

Needs the `convert` extra.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys
from pathlib import Path

import keras

from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess
from edge_fer_train import checkpoints

LAYERS = ("logits_1", "logits_2", "product")


def main(data: Path, path: Path) -> None:
    """Print a line a network, and one for both."""
    faces = load_faces(data / "fer2013-public-test.zip")
    preprocess = Preprocess()
    values = preprocess.to_values(faces.crops(preprocess))
    model = checkpoints.load(path)
    outputs = [model.get_layer(name).output for name in LAYERS]
    for name, logits in zip(LAYERS, keras.Model(model.input, outputs).predict(values, verbose=0), strict=True):
        print(f"{name}: {(logits.argmax(axis=1) == faces.labels).mean():.2%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
