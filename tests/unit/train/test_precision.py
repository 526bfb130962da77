from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="Keras is not installed: pip install -e '.[convert]'")

from edge_fer_train import precision, zoo  # noqa: E402


@pytest.mark.parametrize("name", ["compact", "fused-product", "fused-sum"])
def test_bfloat16_computes_what_float32_does_but_for_its_digits(name):
    keras.utils.set_random_seed(0)
    exact = zoo.build(name, 32)
    with precision.computing("bfloat16"):
        rough = zoo.build(name, 32)
    precision.keep_scores(rough)
    rough.set_weights(exact.get_weights())
    faces = np.random.default_rng(0).random((8, 32, 32, 1)).astype(np.float32)
    scores = np.asarray(keras.ops.convert_to_numpy(rough(faces)))
    expected = np.asarray(keras.ops.convert_to_numpy(exact(faces)))
    assert scores.dtype == np.float32
    assert not np.array_equal(scores, expected)
    assert np.allclose(scores, expected, atol=0.02)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert {str(weight.dtype) for weight in rough.weights} == {"float32"}


def test_what_joins_scores_computes_in_float32():
    with precision.computing("bfloat16"):
        model = zoo.build("fused-product", 32)
    precision.keep_scores(model)
    own = {layer.name: layer.compute_dtype for layer in model.layers}
    assert {name: own[name] for name in ("logits_1", "logits_2", "product", "scores")} == dict.fromkeys(
        ("logits_1", "logits_2", "product", "scores"), "float32"
    )
    assert {layer.compute_dtype for layer in model.get_layer("part_2").layers if layer.weights} == {"bfloat16"}


def test_the_precision_ends_with_its_block():
    before = keras.config.dtype_policy()
    with precision.computing("bfloat16"):
        assert keras.config.dtype_policy().compute_dtype == "bfloat16"
    assert keras.config.dtype_policy() == before
