"""MobileNetV2 (Sandler et al., CVPR 2018)."""

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
    width: float = 1.0,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """MobileNetV2 of the given *width*, features averaged over positions, dropout, softmax.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. At width 1.0 and
    one plane it has 2,266,375 parameters.
    """
    from keras.applications import MobileNetV2

    return classifier(MobileNetV2, "mobilenet_v2", size, channels, classes, dropout, data_format, alpha=width)
