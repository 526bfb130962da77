"""Trains a small Keras classifier on a folder of <class>/<image>, in less than a minute.

python train_small.py FACES MODEL.keras
"""

from __future__ import annotations

import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"  # what edge-fer convert uses

import keras

from edge_fer.evaluation.labelled import load_faces
from edge_fer.preprocess import Preprocess

faces = load_faces(sys.argv[1])
spec = Preprocess(size_px=48)  # grey, pixels as 0 to 1: what edge-fer convert assumes
values = spec.to_values(faces.crops(spec))

keras.utils.set_random_seed(0)
layers = keras.layers
model = keras.Sequential(
    [
        keras.Input((48, 48, 1)),
        layers.Conv2D(16, 3, strides=2, activation="relu"),
        layers.Conv2D(32, 3, strides=2, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(len(faces.names), activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(values, faces.labels, epochs=15, verbose=2)
model.save(sys.argv[2])
print("labels, in the order of the outputs:", ",".join(faces.names))  # noqa: T201
