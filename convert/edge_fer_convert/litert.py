"""The LiteRT targets: Keras in, ``.tflite`` out."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras
    from numpy.typing import NDArray


def to_float32(model: keras.Model) -> bytes:
    """Convert a Keras *model* to a float32 ``.tflite``. Needs Keras on TensorFlow."""
    with tempfile.TemporaryDirectory() as folder:
        return bytes(_converter(model, folder).convert())


def to_int8(model: keras.Model, calibration: NDArray[np.float32]) -> bytes:
    """Convert a Keras *model* to a ``.tflite`` that is int8 throughout, input and output included.

    Weights are quantized per channel, activations per tensor over *calibration*, ``(n, N, N, channels)`` float32 values
    as the contract makes them. It must span the contract's range for the input to take pixels as they are.

    TensorFlow's quantizer is used, which takes minimum and maximum as they are; AI Edge Quantizer 0.10 gave the input a
    smaller range than its pixels have.
    """
    import tensorflow as tf

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        for sample in calibration:
            yield [sample[np.newaxis]]

    with tempfile.TemporaryDirectory() as folder:
        converter = _converter(model, folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def _converter(model: keras.Model, folder: str) -> Any:
    """Return a converter with a batch of one, fixed: a free batch leaves shape arithmetic that no delegate takes."""
    import keras
    import tensorflow as tf

    signature = keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32")
    model.export(folder, format="tf_saved_model", verbose=False, input_signature=[signature])
    return tf.lite.TFLiteConverter.from_saved_model(folder)
