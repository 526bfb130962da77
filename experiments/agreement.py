"""How often float models are right, and how often they agree with `compact-fer2013`, on Training and on PublicTest.

    KERAS_BACKEND=torch python experiments/agreement.py fer2013/

Needs the `convert` extra.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys
from pathlib import Path

from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess
from edge_fer_train import checkpoints

WEIGHTS = Path(__file__).parents[1] / "convert" / "weights"
NAMES = ("compact-fer2013.keras", "cnn-2.npz", "mobilenet-v2.keras", "fused-product.npz")


def main(data: Path) -> None:
    """Print a line a model and split."""
    test = load_faces(data / "fer2013-public-test.zip")
    train = load_faces(data / "fer2013-train.zip").sample(len(test), 0)
    for split, faces in (("Training", train), ("PublicTest", test)):
        predicted = {}
        for name in NAMES:
            model = checkpoints.load(WEIGHTS / name)
            preprocess = Preprocess(size_px=model.input_shape[1])
            values = preprocess.to_values(faces.crops(preprocess))
            predicted[name] = model.predict(values, verbose=0).argmax(axis=1)
            right = (predicted[name] == faces.labels).mean()
            same = (predicted[name] == predicted["compact-fer2013.keras"]).mean()
            print(f"{split}, {name}: right {right:.2%}, as compact-fer2013 {same:.2%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
