"""CNN_1 of Umer et al., CMES 2022, Table 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo import axes

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat

FILTERS = (32, 64, 96, 128, 64)


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
    96x96x3 it has the 476,135 parameters of Umer et al., CMES 2022, Table 1. The paper gives no dropout rate; here it
    is a parameter.
    """
    import keras
    from keras import layers

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format) as axis:
        x = axes.enter(face)
        for block, filters in enumerate(FILTERS, start=1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{block}")(x)
            x = layers.MaxPooling2D(2, name=f"pool_{block}")(x)
            x = layers.BatchNormalization(axis=axis, name=f"norm_{block}")(x)
        x = axes.flatten(x, "features")
    for head in (1, 2):
        x = layers.Dense(256, activation="relu", name=f"dense_{head}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{head}")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="cnn_1")
