"""Writes the tiny bundle beside this file: real models of a few kilobytes for the tests, in every format.

Run it again only when the bundle format changes: ``KERAS_BACKEND=tensorflow python tests/golden/make_tiny.py``
"""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np

from edge_fer.preprocess import Preprocess
from edge_fer_convert import bundle_writer, float_model, targets

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
    calibration[0], calibration[1] = 0.0, 1.0
    model = float_model.open_model(network)
    artifacts = []
    for runtime in targets.CONVERTERS:
        converter = targets.converter(runtime)(model, calibration)
        int8 = converter.static(converter.methods[0], frozenset())
        for precision, files in (("int8", int8), ("float32", converter.float32())):
            words = "not quantized" if precision == "float32" else "static int8"
            artifacts.append(bundle_writer.Artifact(f"{runtime}-{precision}", converter.suffixes, files, words))
    shutil.rmtree(HERE / "tiny", ignore_errors=True)
    bundle_writer.write(HERE / "tiny", "tiny", "a generated model for tests", spec, artifacts, LABELS)


if __name__ == "__main__":
    main()
