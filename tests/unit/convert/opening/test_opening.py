from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
h5py = pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[convert]'")
onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install -e '.[convert]'")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput, MissingDependency  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import targets  # noqa: E402
from edge_fer_convert.formats import onnx_file, tflite_file  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402

TORCH = Path(__file__).parents[3] / "golden" / "torch.onnx"


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


def test_every_form_of_one_model_answers_alike(network, float_model, values, tmp_path, keras_file):
    expected = network.predict(values, verbose=0)
    network.export(tmp_path / "saved", verbose=False)
    network.save(tmp_path / "mine.h5")
    (tmp_path / "mine.tflite").write_bytes(float_model.tflite)
    (tmp_path / "mine.onnx").write_bytes(float_model.onnx)
    for source in (keras_file, *(tmp_path / name for name in ("saved", "mine.h5", "mine.tflite", "mine.onnx"))):
        opened = open_model(source)
        assert (opened.shape, opened.classes) == ((1, 32, 32, 1), 7), source
        assert np.allclose(opened.scores(values), expected, atol=1e-5), source
        assert np.allclose(opened.original.scores(values), expected, atol=1e-5), source
        assert opened.onnx is not None
        assert np.allclose(onnx_file.run(opened.onnx, values), expected, atol=1e-5), source


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


@pytest.mark.parametrize("opset", [8, 9, 11])
def test_onnx_of_an_old_opset_can_be_quantized(values, tmp_path, opset):
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 1, (8, 1, 3, 3)), "d": rng.normal(0, 1, (8, 7))}
    initializers = [onnx.numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    make = onnx.helper
    nodes = [
        make.make_node("Conv", ["x", "w"], ["c"], strides=[2, 2]),
        make.make_node("Relu", ["c"], ["r"]),
        make.make_node("GlobalAveragePool", ["r"], ["g"]),
        make.make_node("Flatten", ["g"], ["f"]),
        make.make_node("MatMul", ["f", "d"], ["y"]),
    ]
    float_type = onnx.TensorProto.FLOAT
    # Exporters of those days listed the weights among the inputs.
    inputs = [make.make_tensor_value_info("x", float_type, [1, 1, 32, 32])]
    inputs += [make.make_tensor_value_info(entry.name, float_type, list(entry.dims)) for entry in initializers]
    outputs = [make.make_tensor_value_info("y", float_type, [1, 7])]
    graph = make.make_graph(nodes, "old", inputs, outputs, initializers)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=3)
    onnx.save(model, tmp_path / "old.onnx")
    opened = open_model(tmp_path / "old.onnx")
    assert onnx.load_from_string(opened.onnx).opset_import[0].version >= onnx_file.OLDEST_OPSET
    assert np.allclose(opened.scores(values), onnx_file.run(model.SerializeToString(), values), atol=1e-5)


def test_open_sides_of_a_tflite_cannot_be_set(network, tmp_path):
    import tensorflow as tf

    shape = tf.TensorSpec([1, None, None, 1], tf.float32)
    function = tf.function(lambda face: {"scores": tf.reduce_mean(face, (1, 2)) * tf.ones((1, 7))}, [shape])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    (tmp_path / "open.tflite").write_bytes(converter.convert())
    with pytest.raises(BadInput, match=r"leaves sides of its input open.* pass the model that it was made from"):
        open_model(tmp_path / "open.tflite", 48)


def test_onnx_cannot_become_litert_and_the_way_round_is_named(float_model, tmp_path):
    (tmp_path / "mine.onnx").write_bytes(float_model.onnx)
    opened = open_model(tmp_path / "mine.onnx")
    assert "onnx2tf" in str(opened.can_be("litert-int8"))
    assert opened.can_be("openvino-int8") is None
    assert open_model(TORCH).can_be("onnx-int8") is None


def test_a_model_of_pytorch_has_its_channels_first():
    opened = open_model(TORCH)
    assert opened.shape == (1, 3, 32, 32)
    assert (opened.size_px, opened.planes, opened.classes) == (32, 3, 7)


def test_the_preprocessing_spec_of_a_model_has_its_size_and_channels(float_model):
    spec = float_model.preprocess(low=-1.0)
    assert (spec.size_px, spec.planes, spec.low, spec.high) == (32, 1, -1.0, 1.0)
    assert open_model(TORCH).preprocess().channels == "gray3"


def test_what_tf2onnx_cannot_express_still_becomes_litert(network, values, monkeypatch):
    asked = []

    def fails(content):
        asked.append(content)
        raise KeyError("no such operation")

    monkeypatch.setattr(onnx_file, "from_tflite", fails)
    opened = open_model(network)
    assert opened.can_be("litert-int8") is None
    assert not asked  # a large model takes minutes and gigabytes there
    assert "pass an .onnx of your own" in str(opened.can_be("openvino-int8"))
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_softmax_can_be_added_to_logits(network, values, tmp_path, form):
    logits = keras.Sequential([*network.layers[:-1], keras.layers.Dense(7)])
    logits.build((None, 32, 32, 1))
    logits.layers[-1].set_weights(network.layers[-1].get_weights())
    opened = open_model(logits)
    (tmp_path / f"logits.{form}").write_bytes(getattr(opened, form))
    with_softmax = open_model(tmp_path / f"logits.{form}").with_softmax()
    assert np.allclose(with_softmax.scores(values), network.predict(values, verbose=0), atol=1e-5)


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


def _open_ended(height=None, planes=1, batch=None, inputs=1, outputs=1):
    faces = [keras.Input((height, height, planes), batch_size=batch) for _ in range(inputs)]
    whole = faces[0] if inputs == 1 else keras.layers.Concatenate()(faces)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(whole))
    ends = [keras.layers.Dense(7, activation="softmax")(pooled) for _ in range(outputs)]
    return keras.Model(faces, ends if outputs > 1 else ends[0])


def test_open_sides_are_fixed_by_the_size():
    with pytest.raises(BadInput, match="sides are open; set them with --size"):
        open_model(_open_ended())
    assert open_model(_open_ended(), size_px=40).shape == (1, 40, 40, 1)
    with pytest.raises(BadInput, match="--size says 48"):
        open_model(_open_ended(32), size_px=48)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"height": 32, "planes": 5}, "neither its last nor its second axis is 1 or 3"),
        ({"height": 32, "batch": 4}, "batch is fixed to 4"),
        ({"height": 32, "inputs": 2}, "2 inputs and 1 outputs"),
        ({"height": 32, "outputs": 2}, "1 inputs and 2 outputs"),
    ],
)
def test_what_no_classifier_takes_is_refused(model, message):
    with pytest.raises(BadInput, match=message):
        open_model(_open_ended(**model))


def test_an_oblong_input_is_refused():
    model = keras.Sequential([keras.Input((32, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7)])
    with pytest.raises(BadInput, match="faces are square"):
        open_model(model)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.keras", b"nonsense", r"\(8 bytes\) is cut off, or no .keras file"),
        ("a.keras", b"PK\5\6" + bytes(18), "no readable .keras file"),  # a zip of nothing
        ("a.h5", b"nonsense", "Keras 3 cannot read it"),
        ("a.onnx", b"nonsense", "no valid ONNX model"),
        ("a.onnx", b"", "no valid ONNX model"),
        ("a.tflite", b"nonsense", "no readable .tflite"),
        ("a.pt", b"nonsense", "of an unknown kind"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message):
        open_model(tmp_path / name)


def test_missing_files_and_folders_of_something_else_are_named(tmp_path):
    with pytest.raises(BadInput, match="no model at"):
        open_model(tmp_path / "nowhere.keras")
    with pytest.raises(BadInput, match=r"without saved_model\.pb"):
        open_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(BadInput, match="no readable SavedModel"):
        open_model(tmp_path)


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


def test_a_quantized_onnx_is_refused(float_model, values, tmp_path):
    converter = targets.converter("onnx")(float_model, values)
    for files in converter.static(converter.methods[0], frozenset()), converter.dynamic(frozenset()):
        (tmp_path / "int8.onnx").write_bytes(files.content)
        with pytest.raises(BadInput, match=r"is already quantized [(].*(Dequantize|Integer)"):
            open_model(tmp_path / "int8.onnx")
    halves = onnx.load(TORCH)
    for weight in halves.graph.initializer:
        array = onnx.numpy_helper.to_array(weight)
        if array.dtype == np.float32:
            weight.CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float16), weight.name))
            halves.graph.node.insert(0, onnx.helper.make_node("Cast", [weight.name], [f"{weight.name}_32"], to=1))
            for node in halves.graph.node[1:]:
                node.input[:] = [f"{name}_32" if name == weight.name else name for name in node.input]
    onnx.save(halves, tmp_path / "half.onnx")
    with pytest.raises(BadInput, match="has weights of 16 bits"):
        open_model(tmp_path / "half.onnx")


def test_traces_of_the_machine_that_exported_are_left_behind(tmp_path):
    """As torch.export writes them, with the paths of its user's program."""
    model = onnx.load(TORCH)
    model.doc_string = model.graph.doc_string = "/home/somebody/train.py"
    for node in model.graph.node:
        node.doc_string = "/home/somebody/train.py"
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "/home/somebody/train.py", line 3')
    onnx.save(model, tmp_path / "traced.onnx")
    assert b"somebody" in (tmp_path / "traced.onnx").read_bytes()
    assert b"somebody" not in open_model(tmp_path / "traced.onnx").onnx


MODULE = """
import keras

@keras.saving.register_keras_serializable("mine")
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""


def test_custom_layers_are_imported_by_name(tmp_path, monkeypatch):
    (tmp_path / "my_layers.py").write_text(MODULE)
    script = (
        "import keras, my_layers\n"
        "model = keras.Sequential([keras.Input((8, 8, 1)), my_layers.Doubled(), keras.layers.Flatten(),"
        " keras.layers.Dense(3, activation='softmax')])\n"
        "model.save('own.keras')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(BadInput, match="--custom"):
        open_model(tmp_path / "own.keras")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadInput, match="cannot be imported"):
        open_model(tmp_path / "own.keras", custom="your_layers")
    assert open_model(tmp_path / "own.keras", custom="my_layers").classes == 3


def test_a_lambda_layer_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Lambda(lambda x: 2 * x), keras.layers.Flatten()])
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(BadInput, match="Lambda layer, which is code"):
        open_model(tmp_path / "lambda.keras")


def test_another_keras_backend_is_refused(monkeypatch, network):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(MissingDependency, match="set KERAS_BACKEND=tensorflow"):
        open_model(network)


def _dynamic(tmp_path, dims):
    """The PyTorch model with its input's axes named instead of numbered."""
    model = onnx.load(TORCH)
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, dims, strict=True):
        if isinstance(size, str):
            dim.dim_param = size
        else:
            dim.dim_value = size
    onnx.save(model, tmp_path / "dynamic.onnx")
    return tmp_path / "dynamic.onnx"


def test_open_axes_of_onnx_are_fixed(tmp_path):
    assert open_model(_dynamic(tmp_path, ("batch", 3, 32, 32))).shape == (1, 3, 32, 32)
    open_sides = _dynamic(tmp_path, ("batch", 3, "height", "width"))
    with pytest.raises(BadInput, match="sides are open"):
        open_model(open_sides)
    assert open_model(open_sides, size_px=32).shape == (1, 3, 32, 32)
    with pytest.raises(BadInput, match="ONNX Runtime cannot run the model"):
        open_model(open_sides, size_px=40)
