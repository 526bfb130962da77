"""VGG19 (Simonyan and Zisserman, ICLR 2015), a baseline of Abdulkadir et al., JOIG 2025, Tables I and II."""

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
    """VGG19 without its top, features averaged over positions, dropout, softmax.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. The paper says
    nothing of the head. Of three planes it has 20,024,384 parameters before the head.
    """
    from keras.applications import VGG19

    return classifier(VGG19, "vgg19", size, channels, classes, dropout, data_format)
