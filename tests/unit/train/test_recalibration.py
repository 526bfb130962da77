from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer_train import zoo  # noqa: E402
from edge_fer_train.recalibration import recalibrate  # noqa: E402
from edge_fer_train.zoo import fused  # noqa: E402


def batches(count: int) -> list:
    return [np.random.default_rng(n).random((4, 32, 32, 1)).astype(np.float32) for n in range(count)]


def test_statistics_are_the_plain_mean_over_the_batches():
    model = zoo.build("cnn-1", 32)
    before = model.get_layer("norm_1").momentum
    recalibrate(model, batches(3))
    pooled = keras.Model(model.inputs, model.get_layer("pool_1").output)
    seen = [np.asarray(keras.ops.convert_to_numpy(pooled(batch))) for batch in batches(3)]
    mean, variance = model.get_layer("norm_1").get_weights()[2:]
    assert np.allclose(mean, np.mean([maps.mean(axis=(0, 1, 2)) for maps in seen], axis=0), atol=1e-5)
    assert np.allclose(variance, np.mean([maps.var(axis=(0, 1, 2)) for maps in seen], axis=0), atol=1e-5)
    assert model.get_layer("norm_1").momentum == before


def test_without_batches_they_stay():
    model = zoo.build("cnn-1", 32)
    before = model.get_weights()
    recalibrate(model, [])
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_the_networks_that_are_joined_are_reached_and_one_that_is_frozen_is_not():
    model = zoo.build("fused-product", 32)
    fused.freeze(model, 1)
    norms = fused.networks(model)[0]["norm_1"], fused.networks(model)[1]["norm_3b"]
    before = [norm.get_weights() for norm in norms]
    recalibrate(model, batches(1))
    kept = [
        [np.array_equal(old, new) for old, new in zip(weights, norm.get_weights(), strict=True)]
        for weights, norm in zip(before, norms, strict=True)
    ]
    assert kept == [[True] * 4, [True, True, False, False]]


def test_what_jax_compiles_gives_the_same_statistics(on_jax):
    on_jax("""
import numpy as np
from edge_fer_train import recalibration, zoo

one = zoo.build("cnn-1", 32, dropout=0.0)
two = zoo.build("cnn-1", 32, dropout=0.0)
two.set_weights(one.get_weights())
batches = [np.random.default_rng(n).random((4, 32, 32, 1)).astype(np.float32) for n in range(3)]
recalibration.recalibrate(one, batches)
recalibration.recalibrate(two, batches, recalibration.observe_eagerly)
for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
    assert np.allclose(a, b, atol=1e-4), np.abs(a - b).max()
""")
