"""The "Sequential" baseline of Abdulkadir et al., JOIG 2025, Tables III and IV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo import axes

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat

BLOCKS = ((64, 3), (128, 5), (512, 3), (512, 3))
"""Filters and kernel of each convolution."""
UNITS = (256, 512)


def build(
    size: int = 48,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.25,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """Four blocks of conv + batch normalisation + ReLU, max-pool, dropout; two dense layers; softmax.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. The paper names
    the model and its results but lists no layer. This is a plain convolutional network of four blocks, as is common for
    FER2013, with 4,478,727 parameters at 48x48x1.
    """
    import keras
    from keras import layers

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format) as axis:
        x = axes.enter(face)
        for block, (filters, kernel) in enumerate(BLOCKS, start=1):
            x = layers.Conv2D(filters, kernel, padding="same", name=f"conv_{block}")(x)
            x = layers.BatchNormalization(axis=axis, name=f"norm_{block}")(x)
            x = layers.ReLU(name=f"relu_{block}")(x)
            x = layers.MaxPooling2D(2, name=f"pool_{block}")(x)
            x = layers.Dropout(dropout, name=f"conv_dropout_{block}")(x)
        x = axes.flatten(x, "features")
    for head, units in enumerate(UNITS, start=1):
        x = layers.Dense(units, name=f"dense_{head}")(x)
        x = layers.BatchNormalization(name=f"dense_norm_{head}")(x)
        x = layers.ReLU(name=f"dense_relu_{head}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{head}")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="sequential")
