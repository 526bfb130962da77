"""MobileNet (Howard et al., 2017), as Smelyakov et al., COLINS 2022, take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo.head import classifier

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat


def build(
    size: int = 96,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.3,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """MobileNet without its top, features averaged over positions, dropout, softmax.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. Before the head it
    has the 3,228,864 parameters that Smelyakov et al., COLINS 2022, section 6, give, at three planes.
    """
    from keras.applications import MobileNet

    return classifier(MobileNet, "mobilenet", size, channels, classes, dropout, data_format)
