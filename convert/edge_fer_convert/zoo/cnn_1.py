"""CNN_1 of Umer et al., CMES 2022, Table 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import keras

FILTERS = (32, 64, 96, 128, 64)
DataFormat = Literal["channels_last", "channels_first"]


def build(
    size: int = 96,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.4,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """CNN_1: five blocks of conv 3x3 + ReLU, max-pool 2x2, batch normalisation; two dense layers; softmax.

    Input is ``(batch, size, size, channels)`` float32 in [0, 1]; output is ``(batch, classes)`` probabilities. At
    96x96x3 it has the 476,135 parameters of Umer et al., CMES 2022, Table 1. The paper gives no dropout rate; ours is a
    parameter.

    *data_format* is the order in which it computes inside; input, output and weights are the same in both, so that a
    model trained in one loads into the other.
    """
    import keras
    from keras import layers

    first = data_format == "channels_first"
    inputs = keras.Input((size, size, channels), name="face")
    x = layers.Permute((3, 1, 2), name="channels_first")(inputs) if first else inputs
    for block, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", data_format=data_format, name=f"conv_{block}")(
            x
        )
        x = layers.MaxPooling2D(2, data_format=data_format, name=f"pool_{block}")(x)
        x = layers.BatchNormalization(axis=1 if first else -1, name=f"norm_{block}")(x)
    if first:
        x = layers.Permute((2, 3, 1), name="channels_last")(x)
    x = layers.Flatten(name="features")(x)
    for head in (1, 2):
        x = layers.Dense(256, activation="relu", name=f"dense_{head}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{head}")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(inputs, scores, name="cnn_1")
