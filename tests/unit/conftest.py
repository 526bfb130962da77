"""A small model: a Keras CNN trained in seconds on drawn faces, and the faces it is calibrated with."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from edge_fer.emotions import FER2013
from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.preprocess import Preprocess
from edge_fer.sources.drawn.expressions import EXPRESSIONS
from edge_fer.sources.drawn.face import draw_face

SIDE = 32


def draw(count: int, seed: int) -> LabelledFaces:
    """*count* drawn faces of each class, 32x32, each with its own light, shift and noise."""
    rng = np.random.default_rng(seed)
    spec = Preprocess(size_px=SIDE)
    images, labels = [], []
    for label, name in enumerate(FER2013):
        face = draw_face(EXPRESSIONS[name]).astype(float)
        height, width = face.shape
        for _ in range(count):
            left, top = rng.uniform(-0.06, 0.06, 2)
            box = (left * width, top * height, width, height)
            lit = np.clip(face * rng.uniform(0.7, 1.2) + rng.normal(0, 18, face.shape), 0, 255).astype(np.uint8)
            images.append(spec.crop(lit, box))
            labels.append(label)
    paths = tuple(f"{seed}/{n}" for n in range(len(images)))
    return LabelledFaces(np.stack(images), np.array(labels), paths)


@pytest.fixture(scope="session")
def pool() -> LabelledFaces:
    return draw(40, 1)


@pytest.fixture(scope="session")
def evaluation_faces() -> LabelledFaces:
    return draw(30, 2)


@pytest.fixture(scope="session")
def network(pool):
    """A Keras CNN that knows drawn faces."""
    keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
    if keras.backend.backend() != "tensorflow":
        pytest.skip(f"converting needs Keras on TensorFlow, it runs on {keras.backend.backend()}")
    keras.utils.set_random_seed(3)
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="conv_a"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv_b"),
            layers.MaxPooling2D(4),
            layers.Flatten(),
            layers.Dense(len(FER2013), activation="softmax", name="scores"),
        ]
    )
    made.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    values = Preprocess(size_px=SIDE).to_values(pool.images)
    made.fit(values, pool.labels, epochs=15, batch_size=32, verbose=0)
    return made


@pytest.fixture(scope="session")
def keras_file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "mine.keras"
    network.save(path)
    return path


@pytest.fixture(scope="session")
def float_model(network):
    from edge_fer_convert.opening import open_model

    return open_model(network)
