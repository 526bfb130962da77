from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert.formats import onnx_file, tflite_file  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


def test_open_sides_of_a_tflite_cannot_be_set(network, tmp_path):
    import tensorflow as tf

    shape = tf.TensorSpec([1, None, None, 1], tf.float32)
    function = tf.function(lambda face: {"scores": tf.reduce_mean(face, (1, 2)) * tf.ones((1, 7))}, [shape])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    (tmp_path / "open.tflite").write_bytes(converter.convert())
    with pytest.raises(BadInput, match=r"leaves sides of its input open.* pass the model that it was made from"):
        open_model(tmp_path / "open.tflite", 48)


def test_a_tflite_without_signatures_gets_one(float_model, values):
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(float_model.tflite))
    model.signatureDefs = []
    bare = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    signed = tflite_file.with_signature(bare)
    assert tflite_file.interpreter(signed).get_signature_list() == {
        "serving_default": {"inputs": ["face"], "outputs": ["scores"]}
    }
    assert np.array_equal(tflite_file.run(signed, values), float_model.scores(values))


def test_a_quantized_tflite_is_refused():
    tiny = Path(__file__).parents[3] / "golden" / "tiny"
    with pytest.raises(BadInput, match="already quantized"):
        open_model(tiny / "litert-int8.tflite")


def _file_of(network, **settings):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    for name, value in settings.items():
        setattr(converter, name, value)
    return converter


def test_an_open_batch_is_fixed_in_every_form(network, values, tmp_path):
    (tmp_path / "open.tflite").write_bytes(_file_of(network).convert())
    opened = open_model(tmp_path / "open.tflite")
    assert onnx_file.shapes(opened.onnx)[0] == (1, 32, 32, 1)
    assert np.allclose(onnx_file.run(opened.onnx, values), network.predict(values, verbose=0), atol=1e-5)


def test_weights_quantized_channel_by_channel_are_refused(network, tmp_path):
    """As TensorFlow's dynamic range quantization writes them: input and output are float."""
    import tensorflow as tf

    wide = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Conv2D(128, 5), keras.layers.Flatten()])
    converter = _file_of(keras.Sequential([wide, keras.layers.Dense(7)]), optimizations=[tf.lite.Optimize.DEFAULT])
    (tmp_path / "dynamic.tflite").write_bytes(converter.convert())
    with pytest.raises(BadInput, match="already quantized"):
        open_model(tmp_path / "dynamic.tflite")


def test_weights_of_float16_are_widened(network, values, tmp_path):
    import tensorflow as tf

    converter = _file_of(network, optimizations=[tf.lite.Optimize.DEFAULT])
    converter.target_spec.supported_types = [tf.float16]
    halves = converter.convert()
    (tmp_path / "half.tflite").write_bytes(halves)
    opened = open_model(tmp_path / "half.tflite")
    assert np.allclose(opened.scores(values), tflite_file.run(halves, values), atol=1e-6)
    kinds = {np.dtype(tensor["dtype"]) for tensor in tflite_file.interpreter(opened.tflite).get_tensor_details()}
    assert np.float16 not in kinds
