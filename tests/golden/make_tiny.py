"""Writes the tiny bundle beside this file: a real LiteRT model of a few kilobytes for the tests.

Run it again only when the bundle format changes: ``KERAS_BACKEND=tensorflow python tests/golden/make_tiny.py``
"""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np

from edge_fer.preprocess import Preprocess
from edge_fer_convert import litert, writer

LABELS = ("dark", "medium", "bright")
HERE = Path(__file__).parent


def main() -> None:
    keras.utils.set_random_seed(1)
    contract = Preprocess(size_px=16)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
            keras.layers.AveragePooling2D(8),
            keras.layers.Flatten(),
            keras.layers.Dense(len(LABELS), activation="softmax"),
        ]
    )
    rng = np.random.default_rng(1)
    calibration = contract.to_values(rng.integers(0, 256, (50, 16, 16)).astype(np.uint8))[..., np.newaxis]
    calibration[0], calibration[1] = 0.0, 1.0
    artifacts = [
        writer.Artifact("litert-int8", "int8.tflite", litert.to_int8(model, calibration), "static int8"),
        writer.Artifact("litert-float32", "float32.tflite", litert.to_float32(model), "not quantized"),
    ]
    shutil.rmtree(HERE / "tiny", ignore_errors=True)
    writer.write(HERE / "tiny", "tiny", "a generated model for tests", contract, artifacts, LABELS)


if __name__ == "__main__":
    main()
