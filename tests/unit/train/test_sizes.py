from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer_train import zoo  # noqa: E402
from edge_fer_train.sizes import transfer  # noqa: E402
from edge_fer_train.zoo import fused  # noqa: E402
from edge_fer_train.zoo.hybrid import UNITS  # noqa: E402


def kernels(small, large, places):
    """Return ``(before, after)``: the kernels behind the flattening as ``(side, side, 128, units)``."""
    source, target = (zoo.build("cnn-2", size) for size in (small, large))
    if places is not None:
        rest = source.get_layer("dense_1").get_weights()[1:]
        source.get_layer("dense_1").set_weights([places(source.get_layer("dense_1").kernel.shape), *rest])
    transfer(source, target)
    found = [np.asarray(model.get_layer("dense_1").get_weights()[0]) for model in (source, target)]
    return [kernel.reshape(size // 8, size // 8, 128, -1) for kernel, size in zip(found, (small, large), strict=True)]


@pytest.mark.parametrize(("small", "large"), [(32, 48), (48, 96), (96, 48), (64, 32), (48, 48)])
def test_even_features_are_answered_alike(small, large):
    before, after = kernels(small, large, None)
    feature = np.random.default_rng(0).random(128).astype(np.float32)
    expected = np.einsum("yxcu,c->u", before, feature)
    assert np.allclose(np.einsum("yxcu,c->u", after, feature), expected, atol=1e-3)


def test_a_weight_stays_at_its_place_in_the_face():
    def top_left(shape):
        kernel = np.zeros((6, 6, 128, shape[1]), np.float32)
        kernel[0, 0] = 1.0
        return kernel.reshape(shape)

    _, after = kernels(48, 96, top_left)
    weight = after[..., 0, 0]
    assert weight[:2, :2].sum() > 0.6 * weight.sum()
    assert not weight[3:].any()
    assert not weight[:, 3:].any()
    assert weight.sum() == pytest.approx(1)


def test_the_rest_is_as_it_was():
    source, target = (zoo.build("cnn-1", size) for size in (32, 64))
    transfer(source, target)
    for old, new in zip(source.weights, target.weights, strict=True):
        if old.shape == new.shape:
            assert np.array_equal(keras.ops.convert_to_numpy(old), keras.ops.convert_to_numpy(new))


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_branches_that_are_joined_are_stretched_each_for_itself(data_format):
    source, target = (zoo.build("hybrid", size, data_format=data_format) for size in (32, 48))
    transfer(source, target)
    dense = [keras.ops.convert_to_numpy(model.get_layer("dense_1").kernel) for model in (source, target)]
    widths = [
        {"resnet50": 2048, "mobilenet_v2": 1280, "cbam": 4 * 192},
        {"resnet50": 4 * 2048, "mobilenet_v2": 4 * 1280, "cbam": 9 * 192},
    ]
    parts = [
        dict(zip(width, np.split(kernel, np.cumsum(list(width.values()))[:-1]), strict=True))
        for kernel, width in zip(dense, widths, strict=True)
    ]
    for name, channels in (("resnet50", 2048), ("mobilenet_v2", 1280), ("cbam", 192)):
        before, after = (part[name].reshape(-1, channels, UNITS).sum(axis=0) for part in parts)
        assert np.allclose(before, after, atol=1e-4), name


def test_networks_whose_scores_are_joined_are_stretched_each_for_itself():
    source, target = (zoo.build("fused-product", size, shrink=2) for size in (64, 96))
    transfer(source, target)
    for name, small, large in (("cnn-1", 64, 96), ("cnn-2", 32, 48)):
        alone = [zoo.build(name, size) for size in (small, large)]
        part = [fused.networks(model)[int(name[-1]) - 1] for model in (source, target)]
        for layer in alone[0].layers:
            if layer.weights:
                layer.set_weights(part[0][layer.name].get_weights())
        transfer(*alone)
        expected, found = alone[1].get_layer("dense_1").get_weights(), part[1]["dense_1"].get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_what_depends_on_the_size_otherwise_cannot_change_it():
    def positions(size):
        face = keras.Input((size, size, 1))
        return keras.Model(face, keras.layers.Dense(3)(keras.layers.Reshape((size * size,))(face)), name="positions")

    with pytest.raises(BadInput, match="mixes positions; give all stages one"):
        transfer(positions(4), positions(8))
