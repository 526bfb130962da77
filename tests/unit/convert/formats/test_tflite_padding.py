from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer_convert.formats import tflite_file  # noqa: E402
from edge_fer_convert.formats.tflite_padding import with_finite_padding  # noqa: E402

FACES = np.random.default_rng(0).normal(0, 3, (4, 12, 12, 3)).astype(np.float32)


def _pooling(pads, before, window=3):
    """A model that pads with minus infinity and takes maxima, as litert-torch writes it."""

    @tf.function(input_signature=[tf.TensorSpec((1, 12, 12, 3), tf.float32)])
    def pool(face):
        padded = tf.pad(before(face), [[0, 0], pads, pads, [0, 0]], constant_values=-np.inf)
        pooled = tf.nn.max_pool2d(padded, window, 2, "VALID")
        return tf.reduce_mean(pooled, [1, 2])

    converter = tf.lite.TFLiteConverter.from_concrete_functions([pool.get_concrete_function()], pool)
    return bytes(converter.convert())


def _operators(content):
    return {operator["op_name"] for operator in tflite_file.interpreter(content)._get_ops_details()}


@pytest.mark.parametrize(
    ("before", "pads", "made"),
    [(tf.nn.relu, (1, 1), "PAD"), (lambda x: x * 1.5, (1, 1), "MIRROR_PAD"), (lambda x: x * 1.5, (0, 1), "MIRROR_PAD")],
)
def test_padding_becomes_finite_and_changes_no_maximum(before, pads, made):
    content = _pooling(pads, before)
    assert "PADV2" in _operators(content)
    finite = with_finite_padding(content)
    assert made in _operators(finite)
    assert "PADV2" not in _operators(finite)
    assert np.array_equal(tflite_file.run(finite, FACES), tflite_file.run(content, FACES))


def test_padding_that_cannot_be_finite_stays():
    content = _pooling((0, 2), lambda x: x * 1.5)
    assert with_finite_padding(content) == content
