from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer_convert.zoo import cnn_1, mobilenet_v2  # noqa: E402


def test_cnn_1_has_the_parameters_of_its_paper():
    """Umer et al., CMES 2022, Table 1: 476,135 at 96x96x3."""
    assert cnn_1.build(96, channels=3).count_params() == 476_135


def test_cnn_1_has_the_layers_of_its_paper():
    model = cnn_1.build(96, channels=3)
    shapes = [tuple(layer.output.shape[1:]) for layer in model.layers if layer.name.startswith("norm")]
    assert shapes == [(48, 48, 32), (24, 24, 64), (12, 12, 96), (6, 6, 128), (3, 3, 64)]
    assert model.get_layer("features").output.shape[1] == 576
    per_layer = [layer.count_params() for layer in model.layers if layer.name.startswith(("conv", "dense", "scores"))]
    assert per_layer == [896, 18496, 55392, 110720, 73792, 147712, 65792, 1799]


def test_the_grey_variant_differs_in_the_first_layer_only():
    assert cnn_1.build(96, channels=1).count_params() == 476_135 - 2 * 9 * 32


def test_both_data_formats_are_one_model():
    last = cnn_1.build(64)
    first = cnn_1.build(64, data_format="channels_first")
    first.set_weights(last.get_weights())
    faces = np.random.default_rng(0).random((2, 64, 64, 1)).astype(np.float32)
    assert first.input_shape == last.input_shape
    if keras.backend.backend() != "tensorflow":  # whose convolutions on a CPU know channels last only
        assert np.allclose(last.predict(faces), first.predict(faces), atol=1e-5)


@pytest.mark.parametrize(("width", "parameters"), [(1.0, 2_266_375), (0.5, 714_903)])
def test_mobilenet_v2_is_kerass_with_a_head_for_seven(width, parameters):
    """keras.applications' own backbone without its top, of one plane, and a dense layer of seven."""
    model = mobilenet_v2.build(96, width=width)
    base = keras.applications.MobileNetV2(
        input_shape=(96, 96, 1), alpha=width, include_top=False, weights=None, pooling="avg"
    )
    features = base.output_shape[1]
    assert model.count_params() == base.count_params() + 7 * (features + 1) == parameters


def test_mobilenet_v2_leaves_keras_as_it_was():
    before = keras.config.image_data_format()
    first = mobilenet_v2.build(48, data_format="channels_first")
    assert keras.config.image_data_format() == before
    assert first.input_shape == (None, 48, 48, 1)
    assert [w.shape for w in first.weights] == [w.shape for w in mobilenet_v2.build(48).weights]
