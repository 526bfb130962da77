from __future__ import annotations

import json

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput, MissingDependency  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert.formats import onnx_file  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


def test_layers_that_augment_faces_do_nothing(network, values):
    face = keras.Input((32, 32, 1))
    augmented = keras.layers.RandomRotation(0.2)(keras.layers.RandomFlip("horizontal")(face))
    opened = open_model(keras.Model(face, network(augmented)))
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_of_mixed_precision_computes_in_float32(values, tmp_path, policy):
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(4, 3, strides=4, activation="relu", dtype=policy),
            layers.BatchNormalization(dtype=policy),
            layers.GlobalAveragePooling2D(dtype=policy),
            layers.Dense(7, activation="softmax", dtype="float32"),
        ]
    )
    network.save(tmp_path / "mixed.keras")
    opened = open_model(tmp_path / "mixed.keras")
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=0.01)
    assert opened.can_be("onnx-int8") is None


def test_a_depthwise_convolution_of_keras_2_is_read(values, tmp_path):
    network = keras.Sequential(
        [keras.Input((32, 32, 1)), keras.layers.DepthwiseConv2D(3), keras.layers.Flatten(), keras.layers.Dense(7)]
    )
    network.save(tmp_path / "new.h5")
    with h5py.File(tmp_path / "new.h5", "r+") as file:
        architecture = json.loads(file.attrs["model_config"])
        architecture["config"]["layers"][1]["config"]["groups"] = 1
        file.attrs["model_config"] = json.dumps(architecture)
    opened = open_model(tmp_path / "new.h5")
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-4)


def test_the_bias_after_an_average_of_one_pixel_is_kept():
    """LiteRT flattens the input of such a dense layer itself, and tf2onnx then drops the bias."""
    face = keras.Input((8, 8, 1))
    pooled = keras.layers.AveragePooling2D(4)(keras.layers.Conv2D(3, 5)(face))
    dense = keras.layers.Dense(7, bias_initializer=keras.initializers.RandomNormal(0, 5, seed=1))
    model = keras.Model(face, dense(keras.layers.Flatten()(pooled)))
    opened = open_model(model)
    values = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    expected = model.predict(values, verbose=0)
    assert np.ptp(expected, axis=1).min() > 1
    assert np.allclose(opened.original.scores(values), expected, atol=1e-4)
    assert np.allclose(onnx_file.run(opened.onnx, values), expected, atol=1e-4)


def test_a_lambda_layer_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Lambda(lambda x: 2 * x), keras.layers.Flatten()])
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(BadInput, match="Lambda layer, which is code"):
        open_model(tmp_path / "lambda.keras")


def test_another_keras_backend_is_refused(monkeypatch, network):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(MissingDependency, match="set KERAS_BACKEND=tensorflow"):
        open_model(network)
