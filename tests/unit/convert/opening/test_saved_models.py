from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")
tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402
from edge_fer_convert.opening.choices import Choices  # noqa: E402

FACE = tf.TensorSpec((None, 32, 32, 1), tf.float32)


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::20])


def _module(network, function, spec=FACE):
    module = tf.Module()
    module.network = network
    module.function = tf.function(function, [spec])
    return module


def _save_of_tensorflow_1(folder, images):
    """Write a model that averages seven columns, beside a signature that takes serialised examples."""
    tf1 = tf.compat.v1
    define = tf1.saved_model.predict_signature_def
    with tf1.Graph().as_default(), tf1.Session() as session:
        text = tf1.placeholder(tf.string, (None,))
        signatures = {"serving_default": define({"examples": text}, {"lengths": tf.strings.length(text)})}
        for name in images:
            face = tf1.placeholder(tf.float32, (None, 32, 32, 1))
            weight = tf1.get_variable(name, initializer=2.0)
            scores = tf.nn.softmax(weight * tf.reduce_mean(face[:, :, :7, 0], 1))
            signatures[name] = define({"face": face}, {"scores": scores})
        session.run(tf1.global_variables_initializer())
        builder = tf1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.add_meta_graph(["serve", "gpu"], signature_def_map=signatures)
        builder.save()


def test_a_signature_of_tensorflow_1_is_found_by_its_image(values, tmp_path):
    _save_of_tensorflow_1(tmp_path / "tf1", ["predict_images"])
    opened = open_model(tmp_path / "tf1")
    mean = 2 * values[:, :, :7, 0].mean(axis=1)
    expected = np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)
    assert np.allclose(opened.scores(values), expected, atol=1e-5)


def test_several_functions_that_take_an_image_are_named(tmp_path):
    _save_of_tensorflow_1(tmp_path / "tf1", ["first", "second"])
    with pytest.raises(BadInput, match="several functions that take an image, first, second"):
        open_model(tmp_path / "tf1")


def test_functions_without_an_image_are_named(tmp_path):
    _save_of_tensorflow_1(tmp_path / "tf1", [])
    with pytest.raises(BadInput, match=r"no function that takes one image, but serving_default\(examples string"):
        open_model(tmp_path / "tf1")


def test_a_module_without_signatures_is_asked_for_what_it_was_called_with(network, values, tmp_path):
    module = _module(network, lambda face: network(face, training=False))
    module.serve = module.function
    tf.saved_model.save(module, str(tmp_path / "bare"))
    opened = open_model(tmp_path / "bare")
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


def test_one_of_several_outputs_is_chosen_by_its_name(network, values, tmp_path):
    module = _module(network, lambda face: {"mood": face[:, :2, 0, 0], "expression": network(face)})
    tf.saved_model.save(module, str(tmp_path / "two"), signatures=module.function)
    with pytest.raises(BadInput, match=r"2 outputs.*--output"):
        open_model(tmp_path / "two")
    opened = open_model(tmp_path / "two", Choices(output="expression"))
    assert np.allclose(opened.scores(values), network.predict(values, verbose=0), atol=1e-5)


def test_whole_numbers_at_the_input_become_floats(network, values, tmp_path):
    spec = tf.TensorSpec((None, 32, 32, 1), tf.uint8)
    module = _module(network, lambda face: network(tf.cast(face, tf.float32) / 255.0), spec)
    tf.saved_model.save(module, str(tmp_path / "uint8"), signatures=module.function)
    opened = open_model(tmp_path / "uint8")
    assert opened.takes_pixels == "the model takes whole numbers (uint8)"
    assert np.allclose(opened.scores(255 * values), network.predict(values, verbose=0), atol=1e-5)
    assert np.allclose(opened.original.scores(255 * values), network.predict(values, verbose=0), atol=1e-5)


def test_a_model_that_looks_up_whole_numbers_is_refused(tmp_path):
    table = tf.constant(np.linspace(0, 1, 256, dtype=np.float32))
    spec = tf.TensorSpec((None, 32, 32, 1), tf.uint8)
    module = _module(None, lambda face: tf.gather(table, tf.cast(face, tf.int32))[:, 0, :7, 0], spec)
    tf.saved_model.save(module, str(tmp_path / "table"), signatures=module.function)
    with pytest.raises(BadInput, match="computes with whole numbers at its input"):
        open_model(tmp_path / "table")


def test_a_model_that_still_augments_is_refused(network, tmp_path):
    module = _module(network, lambda face: network(face + tf.random.normal((32, 32, 1))))
    tf.saved_model.save(module, str(tmp_path / "augments"), signatures=module.function)
    with pytest.raises(BadInput, match=r"draws random numbers in inference.*training=False"):
        open_model(tmp_path / "augments")


def test_a_model_that_counts_its_faces_is_refused(network, tmp_path):
    """As layers do that draw random numbers from a generator of their own."""
    count = tf.Variable(0.0)
    module = _module(network, lambda face: network(face) * count.assign_add(1.0))
    module.count = count
    tf.saved_model.save(module, str(tmp_path / "counts"), signatures=module.function)
    with pytest.raises(BadInput, match=r"changes its own variables in inference.*training=False"):
        open_model(tmp_path / "counts")


def test_a_model_that_writes_files_is_refused_before_it_is_loaded(tmp_path):
    written = tmp_path / "written"

    class Resource(tf.saved_model.experimental.TrackableResource):
        """TensorFlow creates it again, and so writes the file, when the model is loaded."""

        def _create_resource(self):
            tf.io.write_file(str(written), "x")
            return tf.raw_ops.StackV2(max_size=1, elem_type=tf.float32)

    class Module(tf.Module):
        def __init__(self):
            self.weights = tf.Variable(tf.ones((1024, 7)))
            self.resource = Resource()

        @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 1))])
        def serve(self, face):
            return tf.nn.softmax(tf.reshape(face, (-1, 1024)) @ self.weights)

    module = Module()
    assert module.resource.resource_handle is not None
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.serve)
    written.unlink()
    with pytest.raises(BadInput, match="holds WriteFile, an operation that no classifier of faces needs"):
        open_model(tmp_path / "saved")
    assert not written.exists()
