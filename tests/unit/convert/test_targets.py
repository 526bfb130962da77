"""The suite that the converter of every runtime passes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

for module in ("tensorflow", "litert_quantizer", "onnx", "onnxruntime", "openvino", "nncf"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install -e '.[convert]'")

import keras  # noqa: E402
import onnx  # noqa: E402

from edge_fer import backends  # noqa: E402
from edge_fer.emotions import FER2013  # noqa: E402
from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.preprocess import Preprocess  # noqa: E402
from edge_fer_convert import targets  # noqa: E402
from edge_fer_convert.calibration import Calibration  # noqa: E402
from edge_fer_convert.fidelity import together  # noqa: E402
from edge_fer_convert.formats import tflite_file  # noqa: E402
from edge_fer_convert.graph import CONVOLUTION, DENSE  # noqa: E402
from edge_fer_convert.model_metadata import ModelMetadata  # noqa: E402
from edge_fer_convert.opening import open_model  # noqa: E402

SPEC = Preprocess(size_px=32)


@pytest.fixture(scope="class")
def converter(request, float_model, pool):
    return targets.converter(request.cls.name)(float_model, Calibration.of_faces(pool, SPEC).values)


class ConverterSuite:
    name: ClassVar[str]

    def scores(self, files, faces):
        model = backends.ModelFile(files.content, SPEC, FER2013, weights=files.weights)
        backend = backends.load(self.name, model)
        answered = backend.run(faces.images)
        backend.close()
        return answered

    def test_float32_is_the_model(self, converter, network, evaluation_faces):
        expected = network.predict(SPEC.to_values(evaluation_faces.images), verbose=0)
        assert np.allclose(self.scores(converter.float32(), evaluation_faces), expected, atol=1e-4)

    def test_every_static_method_is_smaller_and_answers_as_well(self, converter, evaluation_faces):
        right = (self.scores(converter.float32(), evaluation_faces).argmax(axis=1) == evaluation_faces.labels).mean()
        for method in converter.methods:
            files = converter.static(method, frozenset())
            assert (
                self.scores(files, evaluation_faces).argmax(axis=1) == evaluation_faces.labels
            ).mean() > right - 0.05, method

    def test_methods_are_different_things(self, converter):
        made = {converter.static(method, frozenset()).content for method in converter.methods}
        assert len(made) > 1

    def test_the_same_calibration_gives_the_same_answers(self, converter, evaluation_faces):
        first, again = (
            self.scores(converter.static(converter.methods[0], frozenset()), evaluation_faces) for _ in range(2)
        )
        assert np.array_equal(first, again)

    def test_kept_layers_compute_in_float(self, converter, evaluation_faces):
        """With all of its layers kept, what is left to quantize changes next to nothing."""
        everything = frozenset(layer.name for layer in converter.graph().layers)
        exact = self.scores(converter.float32(), evaluation_faces)
        kept = np.abs(self.scores(converter.static(converter.methods[0], everything), evaluation_faces) - exact).max()
        none = np.abs(self.scores(converter.static(converter.methods[0], frozenset()), evaluation_faces) - exact).max()
        assert kept < none / 2

    def test_sixteen_bits_are_closer_than_eight(self, converter, evaluation_faces):
        if not converter.has_int16:
            with pytest.raises(ValueError, match="16 bits"):
                converter.static(converter.methods[0], frozenset(), 16)
            return
        exact = self.scores(converter.float32(), evaluation_faces)
        eight, sixteen = (
            np.abs(
                self.scores(converter.static(converter.methods[-1], frozenset(), bits), evaluation_faces) - exact
            ).mean()
            for bits in (8, 16)
        )
        assert sixteen < eight

    def test_dynamic_keeps_the_answers(self, converter, evaluation_faces):
        exact, dynamic = (
            self.scores(files, evaluation_faces) for files in (converter.float32(), converter.dynamic(frozenset()))
        )
        assert (exact.argmax(axis=1) == dynamic.argmax(axis=1)).mean() > 0.95

    def test_the_graph_has_the_networks_layers(self, converter):
        layers = converter.graph().layers
        kinds = [layer.kind for layer in layers]
        assert kinds.count(CONVOLUTION) == 2
        assert kinds.count(DENSE) == 1
        assert len({layer.name for layer in layers}) == len(layers)

    def test_tensors_are_those_of_the_graph_and_nearly_those_of_float(self, converter, pool):
        values = SPEC.to_values(pool.images[::40])
        exact = together(converter.tensors(converter.float32(), values))
        int8 = together(converter.tensors(converter.static(converter.methods[-1], frozenset()), values))
        convolution = next(layer for layer in converter.graph().layers if layer.kind == CONVOLUTION)
        assert exact[convolution.output].shape == (7, 32, 32, 8)
        shared = exact.keys() & int8.keys()
        assert len(shared) >= 4
        for name in shared:
            assert np.abs(exact[name] - int8[name]).mean() < 0.1 * np.abs(exact[name]).max(), name

    def test_a_stamped_file_answers_as_before(self, converter, evaluation_faces):
        metadata = ModelMetadata("mine", FER2013, SPEC, "a model of mine", "MIT")
        files = converter.static(converter.methods[0], frozenset())
        assert np.array_equal(
            self.scores(converter.stamp(files, metadata), evaluation_faces), self.scores(files, evaluation_faces)
        )


class TestLiteRT(ConverterSuite):
    name = "litert"

    def test_every_pixel_has_a_number_of_its_own(self, converter):
        for method in converter.methods:
            files = converter.static(method, frozenset())
            (source,) = tflite_file.interpreter(files.content).get_input_details()
            scale, zero_point = source["quantization"]
            numbers = np.rint(SPEC.table()[:, 0] / scale + zero_point)
            assert np.array_equal(numbers, np.arange(-128, 128)), method

    def test_a_model_that_overflows_is_refused(self, network, pool):
        """Its scales would be NaN, and LiteRT dies of such a file."""
        broken = keras.models.clone_model(network)
        broken.set_weights([weight * 1e30 for weight in network.get_weights()])
        converter = targets.converter("litert")(open_model(broken), SPEC.to_values(pool.images[:3]))
        with pytest.raises(BadInput, match="NaN or infinite for a calibration image"):
            converter.static(converter.methods[0], frozenset())

    def test_nothing_is_clipped_before_the_softmax(self, converter, pool):
        """Sure faces stay sure: the ends of the other tensors are those of most images, not of all."""
        values = Calibration.of_faces(pool, SPEC).values
        dense = next(layer for layer in converter.graph().layers if layer.kind == DENSE).output
        exact = together(converter.tensors(converter.float32(), values))[dense]
        for method in converter.methods:
            found = together(converter.tensors(converter.static(method, frozenset()), values))[dense]
            assert np.ptp(found) > 0.97 * np.ptp(exact), method

    @pytest.mark.parametrize("bias", [-0.6, -2.0], ids=["most", "all"])
    def test_what_is_silent_for_most_faces_keeps_its_range(self, bias):
        """As the units of an attention module are; a range of nought would be refused by LiteRT's kernels, too."""
        face = keras.Input((32, 32, 1))
        bright = keras.layers.Conv2D(2, 1, activation="relu", name="bright")(face)
        mean = keras.layers.GlobalAveragePooling2D()(bright)
        network = keras.Model(face, keras.layers.Dense(7, activation="softmax", name="scores")(mean))
        network.get_layer("bright").set_weights([np.ones((1, 1, 1, 2)), np.full(2, bias)])
        network.get_layer("scores").set_weights([np.eye(2, 7) * 20 + 0.1, np.eye(7)[1] * 3 + np.eye(7)[0]])
        values = np.full((10, 32, 32, 1), 0.3, np.float32)
        values[0] = 0.9
        converter = targets.converter("litert")(open_model(network), values)
        exact = network.predict(values, verbose=0)
        for method in converter.methods:
            files = converter.static(method, frozenset())
            backend = backends.load("litert", backends.ModelFile(files.content, SPEC, FER2013))
            answered = backend.run((values[..., 0] * 255).astype(np.uint8))
            assert np.abs(answered - exact).max() < 0.05, method

    def test_only_large_dense_layers_in_float_have_weights_of_8_bits(self, float_model, pool, monkeypatch):
        values = SPEC.to_values(pool.images[:3])
        converter = targets.converter("litert")(float_model, values)
        dense = frozenset(layer.name for layer in converter.graph().layers if layer.kind == DENSE)
        assert not converter.weight_only_layers(dense)
        monkeypatch.setattr("edge_fer_convert.targets.litert.LARGE", 1)
        converter = targets.converter("litert")(float_model, values)
        assert converter.weight_only_layers(frozenset(converter.graph().by_name)) == dense
        whole, weight_only = (
            converter.static(converter.methods[0], dense, weight_only=weight_only)
            for weight_only in (frozenset(), dense)
        )
        assert len(weight_only.content) < len(whole.content)


class TestOpenVINO(ConverterSuite):
    name = "openvino"

    def test_layers_keep_their_names_when_the_model_is_read_again(self):
        """What OpenVINO makes itself, such as a mean over both sides, it numbers; such a layer may be kept in float."""
        values = np.random.default_rng(0).random((3, 32, 32, 1), np.float32)
        network = keras.Sequential(
            [
                keras.Input((32, 32, 1)),
                keras.layers.Conv2D(4, 3),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(7, activation="softmax"),
            ]
        )
        first, again = (targets.converter("openvino")(open_model(network), values) for _ in range(2))
        assert first.graph() == again.graph()
        means = frozenset(layer.name for layer in first.graph().layers if "Mean" in layer.name)
        assert means
        first.static(first.methods[0], means)


class TestOnnx(ConverterSuite):
    name = "onnx"

    def test_of_a_large_model_fewer_images_are_in_memory_together(self, converter, monkeypatch):
        assert converter._together == 20
        del converter._together
        # Of this model an image takes 32 x 32 x 8 floats and more.
        monkeypatch.setattr("edge_fer_convert.targets.onnx.TOGETHER_BYTES", 3 * 32 * 32 * 8 * 4)
        assert converter._together == 1
        del converter._together

    def test_how_many_images_are_in_memory_together_changes_nothing(self, float_model, evaluation_faces, monkeypatch):
        # A percentile is read off a histogram, whose bins depend on what came first, so it may move a little. If only
        # the first seven images calibrated, scores would change by 0.0013 to 0.0015 in the mean.
        values = SPEC.to_values(evaluation_faces.images[:50])
        for method in targets.converter("onnx").methods[:2]:
            made = []
            for number in (7, 50):
                monkeypatch.setattr("edge_fer_convert.targets.onnx.TOGETHER", number)
                made.append(targets.converter("onnx")(float_model, values).static(method, frozenset()))
            few, all_ = (self.scores(files, evaluation_faces) for files in made)
            assert np.abs(few - all_).mean() < 1e-3, method


def test_every_runtime_has_a_suite_and_targets():
    assert {suite.name for suite in (TestLiteRT, TestOpenVINO, TestOnnx)} == targets.CONVERTERS.keys()
    assert {target.split("-")[0] for target in targets.TARGETS} == targets.CONVERTERS.keys()


def test_an_unknown_target_is_named():
    with pytest.raises(BadInput, match="no target 'coral-int8'; known targets are litert-int8"):
        targets.split_target("coral-int8")


def test_a_bias_of_a_row_is_quantized_and_proved(pool, tmp_path):
    """As CNTK and others export a dense layer: a MatMul, and an Add of (1, n)."""
    rng = np.random.default_rng(0)
    arrays = {
        "w": rng.normal(0, 1, (8, 1, 3, 3)),
        "b": rng.normal(0, 0.1, (8, 1, 1)),
        "d": rng.normal(0, 1, (8, 7)),
        "e": rng.normal(0, 1, (1, 7)),
    }
    make = onnx.helper
    nodes = [
        make.make_node("Conv", ["x", "w"], ["c"], strides=[2, 2]),
        make.make_node("Add", ["c", "b"], ["a"]),
        make.make_node("Relu", ["a"], ["r"]),
        make.make_node("GlobalAveragePool", ["r"], ["g"]),
        make.make_node("Flatten", ["g"], ["f"]),
        make.make_node("MatMul", ["f", "d"], ["m"]),
        make.make_node("Add", ["m", "e"], ["y"]),
    ]
    initializers = [onnx.numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()]
    face = make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, 32, 32])
    scores = make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 7])
    graph = make.make_graph(nodes, "row", [face], [scores], initializers)
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8), tmp_path / "row.onnx")
    opened = open_model(tmp_path / "row.onnx")
    values = Calibration.of_faces(pool, SPEC).values
    converter = targets.converter("onnx")(opened, values)
    for files in (converter.float32(), converter.static("minimum and maximum", frozenset())):
        tensors = together(converter.tensors(files, values[:4]))
        assert tensors
        assert all(np.isfinite(tensor).all() for tensor in tensors.values())
