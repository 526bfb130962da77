"""A small residual network of this project, of less than two megabytes in int8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo import axes

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from edge_fer_train.zoo.axes import DataFormat

STEM = 32
"""Filters of the first convolution. It sees the full resolution, where each filter costs the most."""
STAGES = ((48, 2), (96, 2), (192, 2))
"""Filters and residual blocks of each stage, whose first block halves height and width."""


def build(
    size: int = 48,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.3,
    width: float = 1.0,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """Plain 3x3 residual blocks (He et al., CVPR 2016, section 3.3), a global average, one dense layer; softmax.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. At 48x48x1 it has
    1,560,615 parameters and 130 million multiply-adds, almost all of them in dense 3x3 convolutions. *width* multiplies
    the filters of every layer.
    """
    import keras
    from keras import layers

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format) as axis:
        x = trunk(axes.enter(face), axis, width=width)
        x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="compact")


def trunk(
    x: keras.KerasTensor,
    axis: int,
    attend: Callable[[keras.KerasTensor, str], keras.KerasTensor] | None = None,
    width: float = 1.0,
) -> keras.KerasTensor:
    """Return feature maps of an eighth of the height and width of *x*, *width* times as many as `STAGES` says.

    *axis* is that of the channels. *attend* is called with the maps and the name of each stage, and returns the maps
    for the next.
    """
    from keras import layers

    x = _conv(x, round(STEM * width), axis, "stem")
    x = layers.ReLU(name="stem_relu")(x)
    for stage, (filters, blocks) in enumerate(STAGES, start=1):
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            x = _residual(x, round(filters * width), stride, axis, f"stage_{stage}{'abcd'[block]}")
        if attend is not None:
            x = attend(x, f"stage_{stage}")
    return x


def _residual(x: keras.KerasTensor, filters: int, stride: int, axis: int, name: str) -> keras.KerasTensor:
    from keras import layers

    way = _conv(x, filters, axis, f"{name}_1", stride)
    way = layers.ReLU(name=f"{name}_relu_1")(way)
    way = _conv(way, filters, axis, f"{name}_2")
    if stride > 1:
        # ResNet-D (He et al., CVPR 2019): a strided 1x1 convolution alone would skip three of four pixels.
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(x)
        x = _conv(x, filters, axis, f"{name}_shortcut", kernel=1)
    x = layers.Add(name=f"{name}_add")([x, way])
    return layers.ReLU(name=f"{name}_relu_2")(x)


def _conv(
    x: keras.KerasTensor, filters: int, axis: int, name: str, stride: int = 1, kernel: int = 3
) -> keras.KerasTensor:
    from keras import layers

    # The normalisation has a bias of its own.
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.BatchNormalization(axis=axis, name=f"{name}_norm")(x)
