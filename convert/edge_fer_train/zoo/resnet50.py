"""ResNet-50 (He et al., CVPR 2016), as Istiqomah et al., JAIC 2024, take it: its last layer replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo.head import classifier

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat


def build(
    size: int = 48,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.3,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """ResNet-50, features averaged over positions, dropout, softmax (Istiqomah et al., JAIC 2024, section II.E).

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. Before the head it
    has the 23,587,712 parameters that Smelyakov et al., COLINS 2022, section 6, give, at three planes.
    """
    from keras.applications import ResNet50

    return classifier(ResNet50, "resnet50", size, channels, classes, dropout, data_format)
