"""CNN_2 of Umer et al., CMES 2022, Table 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo import axes

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat

FILTERS = (32, 64, 128)
"""Filters of both convolutions before each max-pool."""
UNITS = (1024, 512, 256)


def build(
    size: int = 96,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.4,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """CNN_2: three blocks of two conv 3x3 + ReLU + batch normalisation and a max-pool; three dense layers; softmax.

    Input is ``(batch, size, size, channels)`` float32 in [0, 1]; output is ``(batch, classes)`` probabilities. At
    96x96x3 it has the 19,829,287 parameters of Umer et al., CMES 2022, Table 2. The rows of that table add up to
    19,826,215: they leave out the batch normalisation of the dense layers of 512 and 256, which its total has. The
    table ends in a ReLU; this network ends in a softmax, since the product rule multiplies probabilities. The paper
    gives no dropout rate; here it is a parameter, and half of it is used behind convolutions.
    """
    import keras
    from keras import layers

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format) as axis:
        x = axes.enter(face)
        for block, filters in enumerate(FILTERS, start=1):
            for half in "ab":
                x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{block}{half}")(x)
                x = layers.BatchNormalization(axis=axis, name=f"norm_{block}{half}")(x)
            x = layers.MaxPooling2D(2, name=f"pool_{block}")(x)
            if block > 1:
                x = layers.Dropout(dropout / 2, name=f"conv_dropout_{block}")(x)
        x = axes.flatten(x, "features")
    for head, units in enumerate(UNITS, start=1):
        x = layers.Dense(units, activation="relu", name=f"dense_{head}")(x)
        x = layers.BatchNormalization(name=f"dense_norm_{head}")(x)
        x = layers.Dropout(dropout, name=f"dropout_{head}")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="cnn_2")
