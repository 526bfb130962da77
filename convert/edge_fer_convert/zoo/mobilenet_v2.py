"""MobileNetV2 (Sandler et al., CVPR 2018) as keras.applications has it, with a head for faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from edge_fer_convert.zoo.cnn_1 import DataFormat


def build(
    size: int = 96,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.3,
    width: float = 1.0,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """MobileNetV2 of the given *width*, global average pooling, dropout, softmax.

    Input is ``(batch, size, size, channels)`` float32 in [0, 1]; output is ``(batch, classes)`` probabilities. Weights
    are random. *data_format* is the order in which it computes inside; input, output and weights are the same in both.
    """
    import keras
    from keras import layers

    first = data_format == "channels_first"
    inputs = keras.Input((size, size, channels), name="face")
    x = layers.Permute((3, 1, 2), name="channels_first")(inputs) if first else inputs
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(data_format)
    try:
        base = keras.applications.MobileNetV2(
            input_tensor=x, alpha=width, include_top=False, weights=None, pooling="avg"
        )
    finally:
        keras.config.set_image_data_format(before)
    x = layers.Dropout(dropout, name="dropout")(base.output)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(inputs, scores, name="mobilenet_v2")
