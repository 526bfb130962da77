"""The hybrid of Abdulkadir et al., JOIG 2025, section III.B: features of three networks joined for one dense head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_convert.zoo import axes

if TYPE_CHECKING:
    import keras

    from edge_fer_convert.zoo.axes import DataFormat

FILTERS = (32, 64, 128)
REDUCTION = 16
"""Of the shared layer in channel attention (Woo et al., ECCV 2018, section 4.1)."""


def build(
    size: int = 48,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.4,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """ResNet-50, MobileNetV2 and a CNN with CBAM; their flattened features concatenated; a dense layer; softmax.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. The paper gives
    the three branches and how they are joined; the layers of its "custom CNN" and of its dense head are ours: three
    blocks of two convolutions and CBAM, and 256 units.
    """
    import keras
    from keras import layers
    from keras.applications import MobileNetV2, ResNet50

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format) as axis:
        x = axes.enter(face)
        branches = {
            "resnet50": ResNet50(input_tensor=x, include_top=False, weights=None).output,
            "mobilenet_v2": MobileNetV2(input_tensor=x, include_top=False, weights=None).output,
            "cbam": _attentive_cnn(x, axis),
        }
        flat = [axes.flatten(features, f"{name}_features") for name, features in branches.items()]
    x = layers.Concatenate(name="features")(flat)
    x = layers.Dropout(dropout, name="dropout_1")(x)
    x = layers.Dense(256, activation="relu", name="dense_1")(x)
    x = layers.BatchNormalization(name="dense_norm_1")(x)
    x = layers.Dropout(dropout, name="dropout_2")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="hybrid")


def _attentive_cnn(x: keras.KerasTensor, axis: int) -> keras.KerasTensor:
    from keras import layers

    for block, filters in enumerate(FILTERS, start=1):
        for half in "ab":
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"cbam_conv_{block}{half}")(x)
            x = layers.BatchNormalization(axis=axis, name=f"cbam_norm_{block}{half}")(x)
            x = layers.ReLU(name=f"cbam_relu_{block}{half}")(x)
        x = _cbam(x, axis, filters, f"cbam_{block}")
        x = layers.MaxPooling2D(2, name=f"cbam_pool_{block}")(x)
    return x


def _cbam(x: keras.KerasTensor, axis: int, filters: int, name: str) -> keras.KerasTensor:
    """Weigh channels, then positions, of *x* (Woo et al., ECCV 2018, equations 2 and 3)."""
    from keras import layers, ops

    squeeze = layers.Conv2D(max(filters // REDUCTION, 4), 1, activation="relu", name=f"{name}_squeeze")
    excite = layers.Conv2D(filters, 1, name=f"{name}_excite")
    pooled = (layers.GlobalAveragePooling2D(keepdims=True)(x), layers.GlobalMaxPooling2D(keepdims=True)(x))
    channels = layers.Add(name=f"{name}_channels")([excite(squeeze(way)) for way in pooled])
    x = layers.Multiply(name=f"{name}_by_channel")([x, layers.Activation("sigmoid")(channels)])
    maps = layers.Concatenate(axis=axis, name=f"{name}_maps")(
        [ops.mean(x, axis=axis, keepdims=True), ops.max(x, axis=axis, keepdims=True)]
    )
    positions = layers.Conv2D(1, 7, padding="same", activation="sigmoid", name=f"{name}_positions")(maps)
    return layers.Multiply(name=f"{name}_by_position")([x, positions])
