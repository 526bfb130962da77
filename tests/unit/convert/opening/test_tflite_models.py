from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import targets  # noqa: E402
from edge_fer_convert.formats import onnx_file, tflite_file  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402
from edge_fer_convert.opening.choices import Choices  # noqa: E402
from edge_fer_convert.stored_precision import stored_precision  # noqa: E402
from edge_fer_convert.targets import Files  # noqa: E402


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


def _open_network():
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((None, None, 1)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(7)]
    )


def test_open_sides_are_set(tmp_path):
    network = _open_network()
    (tmp_path / "open.tflite").write_bytes(_file_of(network).convert())
    with pytest.raises(BadInput, match="sides are open; set them with --size"):
        open_model(tmp_path / "open.tflite")
    opened = open_model(tmp_path / "open.tflite", Choices(48))
    assert opened.shape == (1, 48, 48, 1)
    values = np.random.default_rng(0).random((3, 48, 48, 1), np.float32)
    expected = network.predict(values, verbose=0)
    assert np.allclose(opened.scores(values), expected, atol=1e-5)
    assert np.allclose(opened.original.scores(values), expected, atol=1e-5)
    assert np.allclose(onnx_file.run(opened.onnx, values), expected, atol=1e-5)


def test_a_size_that_the_layers_cannot_take_is_refused(network, tmp_path):
    import tensorflow as tf

    inner = keras.Sequential([*network.layers])
    spec = tf.TensorSpec([1, None, None, 1], tf.float32)
    function = tf.function(lambda face: tf.reshape(face, (1, 32 * 32))[:, :7], [spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], inner)
    (tmp_path / "flat.tflite").write_bytes(converter.convert())
    assert open_model(tmp_path / "flat.tflite", Choices(32)).classes == 7
    with pytest.raises(BadInput, match=r"cannot take an input of \(1, 40, 40, 1\).*another --size"):
        open_model(tmp_path / "flat.tflite", Choices(40))


def test_no_arithmetic_of_shapes_is_left(network, tmp_path):
    (tmp_path / "open.tflite").write_bytes(_file_of(network).convert())
    opened = open_model(tmp_path / "open.tflite")
    names = {operator["op_name"] for operator in tflite_file.interpreter(opened.tflite)._get_ops_details()}
    assert not names & {"SHAPE", "STRIDED_SLICE", "PACK"}


def test_whole_numbers_at_the_input_become_floats(network, values, tmp_path):
    face = keras.Input((32, 32, 1), dtype="uint8")
    model = keras.Model(face, network(keras.layers.Rescaling(1 / 255)(face)))
    (tmp_path / "uint8.tflite").write_bytes(_file_of(model).convert())
    opened = open_model(tmp_path / "uint8.tflite")
    assert opened.input_dtype == "uint8"
    expected = network.predict(values, verbose=0)
    assert np.allclose(opened.scores(255 * values), expected, atol=1e-5)
    assert np.allclose(opened.original.scores(np.rint(255 * values)), expected, atol=1e-5)


def test_a_model_that_scales_pixels_down_takes_pixels(network, tmp_path):
    face = keras.Input((32, 32, 1))
    scaled = keras.Model(face, network(keras.layers.Rescaling(1 / 127.5, -1)(face)))
    for name, model in (("scaled", scaled), ("plain", network)):
        (tmp_path / f"{name}.tflite").write_bytes(_file_of(model).convert())
    assert open_model(tmp_path / "scaled.tflite").takes_pixels == "the model begins by scaling pixels down"
    assert not open_model(tmp_path / "plain.tflite").takes_pixels


def test_one_of_several_outputs_is_chosen_by_its_name(network, values, tmp_path):
    face = keras.Input((32, 32, 1))
    mood = keras.layers.Dense(2)(keras.layers.Flatten()(face))
    (tmp_path / "two.tflite").write_bytes(_file_of(keras.Model(face, [mood, network(face)])).convert())
    with pytest.raises(BadInput, match=r"2 outputs.*choose that of the scores with --output"):
        open_model(tmp_path / "two.tflite")
    opened = open_model(tmp_path / "two.tflite", Choices(output="output_1"))
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)
    assert np.allclose(onnx_file.run(opened.onnx, values), network.predict(values, verbose=0), atol=1e-5)
    # The other output is computed no more, and nothing of it is left.
    graph = tflite_file.interpreter(opened.tflite)
    made = {int(index) for operator in graph._get_ops_details() for index in operator["outputs"]}
    read = {int(index) for operator in graph._get_ops_details() for index in operator["inputs"]}
    assert {tensor["index"] for tensor in graph.get_tensor_details()} == made | read
    converter = targets.converter("litert")(opened, values)
    assert stored_precision("litert", converter.static(converter.methods[0], frozenset())) == "int8"


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
    assert np.dtype(np.float16) not in kinds
    assert stored_precision("litert", Files(opened.tflite)) == "float32"
