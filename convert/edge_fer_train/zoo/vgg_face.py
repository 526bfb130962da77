"""VGG-Face (Parkhi et al., BMVC 2015), as in Smelyakov et al., COLINS 2022, from its Keras port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo import axes

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Filters of each block, and the number of its convolutions before the max-pool."""
UNITS = 4096


def build(
    size: int = 224,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.5,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """VGG-16 up to its 4,096 features, and a softmax.

    Input is ``(batch, size, size, channels)`` float32, *size* a multiple of 32; output is ``(batch, classes)``
    probabilities. At 224x224x3 it has 134,260,544 parameters before the head, as the port has (145,002,878 with
    its layer of 2,622 persons). The port writes its dense layers as convolutions, which have the same weights. The
    first dense layer has as many weights as the maps of the last pool need at *size*.
    """
    import keras
    from keras import layers

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format):
        x = axes.enter(face)
        for block, (filters, count) in enumerate(BLOCKS, start=1):
            for layer in range(1, count + 1):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{block}_{layer}")(x)
            x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
        x = axes.flatten(x, "flat")
    x = layers.Dense(UNITS, activation="relu", name="fc6")(x)
    x = layers.Dropout(dropout, name="dropout_6")(x)
    x = layers.Dense(UNITS, activation="relu", name="fc7")(x)
    x = layers.Activation("linear", name="features")(x)  # where pretrained.backbone ends
    x = layers.Dropout(dropout, name="dropout_7")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="vgg_face")
