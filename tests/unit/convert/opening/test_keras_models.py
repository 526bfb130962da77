from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput, MissingDependency  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert.formats import onnx_file  # noqa: E402
from edge_fer_convert.opening import keras_files, open_model  # noqa: E402
from edge_fer_convert.opening.choices import Choices  # noqa: E402


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


def test_layers_that_augment_faces_do_nothing(network, values):
    face = keras.Input((32, 32, 1))
    augmented = keras.layers.RandomRotation(0.2)(keras.layers.RandomFlip("horizontal")(face))
    opened = open_model(keras.Model(face, network(augmented)))
    assert opened.notes == ()
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


def test_layers_called_with_training_do_nothing_either(network, values, tmp_path):
    layers = keras.layers
    augment = keras.Sequential([layers.RandomFlip(), layers.RandomZoom(0.3), layers.RandAugment((0, 1))])
    face = keras.Input((32, 32, 1))
    x = layers.Dropout(0.4)(layers.GaussianNoise(0.5)(augment(face, training=True), training=True), training=True)
    model = keras.Model(face, network(x))
    model.save(tmp_path / "augmented.keras")
    model.save(tmp_path / "augmented.h5")
    for source in model, tmp_path / "augmented.keras", tmp_path / "augmented.h5":
        opened = open_model(source)
        assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)
        assert opened.notes == ()


def test_a_normalization_called_with_training_computes_as_in_predict(network, values):
    face = keras.Input((32, 32, 1))
    model = keras.Model(face, network(keras.layers.BatchNormalization()(face, training=True)))
    assert np.allclose(open_model(model).scores(values), model.predict(values, verbose=0), atol=1e-5)


def _first(layer):
    face = keras.Input((32, 32, 1))
    return keras.Model(face, keras.layers.Flatten()(keras.layers.AveragePooling2D(16)(layer(face))))


@pytest.mark.parametrize(
    ("layer", "takes_pixels"),
    [
        (lambda: keras.layers.Rescaling(1 / 255), True),
        (lambda: keras.Sequential([keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 127.5, -1)]), True),
        (lambda: keras.layers.Normalization(mean=113.0, variance=3600.0), True),
        (lambda: keras.layers.Normalization(mean=0.45, variance=0.05), False),
        (lambda: keras.layers.Rescaling(2.0, -1.0), False),
        (lambda: lambda face: face / 255.0, True),
        (lambda: lambda face: keras.layers.Rescaling(1 / 255)(keras.layers.Rescaling(255.0)(face)), False),
        (keras.layers.ReLU, False),
    ],
)  # fmt: skip
def test_a_model_that_scales_pixels_down_takes_pixels(layer, takes_pixels):
    assert bool(open_model(_first(layer())).takes_pixels) is takes_pixels


def test_a_scaling_that_the_converter_folds_into_a_convolution_is_seen(network):
    face = keras.Input((32, 32, 1))
    x = keras.layers.Conv2D(4, 3, strides=2)(keras.layers.Rescaling(1 / 255)(face))
    opened = open_model(keras.Model(face, keras.layers.Dense(7)(keras.layers.GlobalMaxPooling2D()(x))))
    assert opened.takes_pixels
    assert not open_model(network).takes_pixels


def test_whole_numbers_at_the_input_become_floats(network, values):
    face = keras.Input((32, 32, 1), dtype="uint8")
    model = keras.Model(face, network(keras.layers.Rescaling(1 / 255)(face)))
    opened = open_model(model)
    assert (opened.input_dtype, opened.takes_pixels) == ("uint8", "the model takes whole numbers (uint8)")
    assert np.allclose(opened.scores(255 * values), network.predict(values, verbose=0), atol=1e-5)
    assert np.allclose(opened.original.scores(255 * values), network.predict(values, verbose=0), atol=1e-5)
    assert opened.onnx is not None


def test_one_of_several_outputs_is_chosen_by_its_name(network, values):
    face = keras.Input((32, 32, 1))
    mood = keras.layers.Dense(2, name="mood")(keras.layers.Flatten()(face))
    model = keras.Model(face, [mood, keras.layers.Activation("linear", name="expression")(network(face))])
    with pytest.raises(BadInput, match=r"mood .*expression .*--output"):
        open_model(model)
    with pytest.raises(BadInput, match="no output 'valence'; it has mood"):
        open_model(model, Choices(output="valence"))
    opened = open_model(model, Choices(output="expression"))
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)
    assert np.allclose(opened.original.scores(values), network.predict(values, verbose=0), atol=1e-5)


def test_a_subclassed_model_is_opened(network, values):
    class Wrapped(keras.Model):
        def call(self, face, training=None):
            return network(face, training=training)

    model = Wrapped()
    with pytest.raises(BadInput, match="call it once"):
        open_model(model)
    model(values)
    assert np.allclose(open_model(model).scores(values), network.predict(values, verbose=0), atol=1e-5)


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


@pytest.mark.parametrize("policy", ["float16", "bfloat16"])
def test_a_model_of_half_precision_computes_in_float32(network, values, tmp_path, policy):
    half = keras.models.model_from_json(network.to_json().replace('{"name": "float32"}', f'{{"name": "{policy}"}}'))
    half.set_weights(network.get_weights())
    half.save(tmp_path / "half.keras")
    opened = open_model(tmp_path / "half.keras")
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=0.05)
    assert opened.notes == (f"the model computes in {policy}: converted in float32",)


def test_a_model_that_keras_has_quantized_is_refused(network, tmp_path):
    model = keras.models.clone_model(network)
    model.quantize("int8")
    model.save(tmp_path / "int8.keras")
    with pytest.raises(BadInput, match=r"int8\.keras: Keras has already quantized the model"):
        open_model(tmp_path / "int8.keras")


def _of_keras_2(network, path, changes):
    """Save *network* with other arguments for some of its layers, by their class."""
    network.save(path)
    with h5py.File(path, "r+") as file:
        architecture = json.loads(file.attrs["model_config"])
        for layer in architecture["config"]["layers"]:
            layer["config"].update(changes.get(layer["class_name"], {}))
        file.attrs["model_config"] = json.dumps(architecture)


def test_arguments_of_keras_2_are_left_out(values, tmp_path):
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.RandomFlip(),
            layers.DepthwiseConv2D(3),
            layers.BatchNormalization(),
            layers.SpatialDropout2D(0.2),
            layers.Reshape((30, 30)),
            layers.LSTM(4),
            layers.Dense(7, activation="softmax"),
        ]
    )
    changes = {
        "RandomFlip": {"rng_type": "stateful", "auto_vectorize": False},
        "DepthwiseConv2D": {"groups": 1, "kernel_regularizer": None},
        "BatchNormalization": {"fused": True, "virtual_batch_size": None, "axis": [3]},
        "LSTM": {"time_major": False, "implementation": 2},
    }
    _of_keras_2(network, tmp_path / "old.h5", changes)
    opened = open_model(tmp_path / "old.h5")
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-4)
    (note,) = opened.notes
    for argument in ("groups", "fused", "virtual_batch_size", "time_major"):
        assert argument in note
    _of_keras_2(network, tmp_path / "grouped.h5", {"DepthwiseConv2D": {"groups": 2}})
    with pytest.raises(BadInput, match="has groups=2, which Keras 3 cannot compute"):
        open_model(tmp_path / "grouped.h5")


def test_what_keras_says_last_is_the_reason(network, tmp_path):
    _of_keras_2(network, tmp_path / "odd.h5", {"Conv2D": {"hitherto_unknown": 1}})
    with pytest.raises(BadInput, match=r"Unrecognized keyword arguments passed to Conv2D: .'hitherto_unknown': 1.*tf_"):
        open_model(tmp_path / "odd.h5")


def test_weights_alone_need_their_layers(network, values, tmp_path):
    network.save_weights(tmp_path / "fer.weights.h5")
    with pytest.raises(BadInput, match=r"holds weights without the layers.*beside it as fer\.json"):
        open_model(tmp_path / "fer.weights.h5")
    (tmp_path / "fer.json").write_text(network.to_json())
    opened = open_model(tmp_path / "fer.weights.h5")
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


def test_a_json_beside_a_whole_model_is_left_alone(network, values, tmp_path):
    network.save(tmp_path / "fer.h5")
    (tmp_path / "fer.json").write_text('{"classes": 7}')
    opened = open_model(tmp_path / "fer.h5")
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


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


def test_a_lambda_layer_is_executed_only_when_trusted(network, values, tmp_path):
    face = keras.Input((32, 32, 1))
    tripled = keras.layers.Lambda(lambda x: tf.math.multiply(x, 3.0), output_shape=(32, 32, 1))(face)  # noqa: F821
    keras.Model(face, network(tripled)).save(tmp_path / "lambda.keras")
    with pytest.raises(BadInput, match=r"Lambda layer, which is code.*--trust-lambda"):
        open_model(tmp_path / "lambda.keras")
    opened = open_model(tmp_path / "lambda.keras", Choices(trust_lambda=True))
    assert np.allclose(opened.scores(values), network.predict(3 * values, verbose=0), atol=1e-5)
    assert opened.notes == ("the code in the Lambda layers of lambda.keras was executed",)


def test_another_keras_backend_is_refused(monkeypatch, network):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(MissingDependency, match="set KERAS_BACKEND=tensorflow"):
        open_model(network)


@pytest.mark.parametrize("config", [b" " * (keras_files.LARGEST + 1), b"[" * 100_000, b"[1]", b'{"class_name": 3}'])
def test_absurd_configurations_are_refused(tmp_path, config):
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config)
    with pytest.raises(BadInput, match=r"save it again with model\.save"):
        open_model(tmp_path / "m.keras")
