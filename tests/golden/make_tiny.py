"""Writes the tiny bundle beside this file: real models of a few kilobytes for the tests, in every format.

Run it again only when the bundle format changes: ``KERAS_BACKEND=tensorflow python tests/golden/make_tiny.py``
"""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np

from edge_fer.preprocess import Preprocess
from edge_fer_convert import ModelMetadata, open_model, targets
from edge_fer_convert.bundle_writer import Artifact, write_artifacts

LABELS = ("dark", "medium", "bright")
HERE = Path(__file__).parent


def main() -> None:
    keras.utils.set_random_seed(1)
    spec = Preprocess(size_px=16)
    network = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
            keras.layers.AveragePooling2D(8),
            keras.layers.Flatten(),
            keras.layers.Dense(len(LABELS), activation="softmax"),
        ]
    )
    rng = np.random.default_rng(1)
    calibration = spec.to_values(rng.integers(0, 256, (50, 16, 16)).astype(np.uint8))
    calibration[0] = 0.0
    calibration[1] = 1.0
    model = open_model(network)
    artifacts = []
    for runtime in targets.CONVERTERS:
        converter = targets.converter(runtime)(model, calibration)
        int8 = converter.static(converter.methods[0], frozenset())
        artifacts.append(Artifact(f"{runtime}-int8", int8, "static int8"))
        artifacts.append(Artifact(f"{runtime}-float32", converter.float32(), "not quantized"))
    metadata = ModelMetadata("tiny", LABELS, spec, "a generated model for tests", "Apache-2.0")
    shutil.rmtree(HERE / "tiny", ignore_errors=True)
    write_artifacts(HERE / "tiny", metadata, artifacts)


if __name__ == "__main__":
    main()
