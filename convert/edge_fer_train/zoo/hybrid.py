"""The hybrid of Abdulkadir et al., JOIG 2025, section III.B: features of three networks joined for one dense head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer_train.zoo import axes, cbam, compact

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat

UNITS = 192
"""Units of the dense layer behind the joined features: with more, the int8 file would be larger than 32 MB."""


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
    the three branches and how they are joined, but not the layers of its "custom CNN" and of its dense head: here they
    are those of the compact network with CBAM behind each stage, and `UNITS`. So each branch can begin with the weights
    of a network that was trained alone.
    """
    import keras
    from keras import layers
    from keras.applications import MobileNetV2, ResNet50

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format) as axis:
        x = axes.enter(face)
        # The names of their layers do not collide, so all three fit into one model.
        branches = {
            "resnet50": ResNet50(input_tensor=x, include_top=False, weights=None).output,
            "mobilenet_v2": MobileNetV2(input_tensor=x, include_top=False, weights=None).output,
            "cbam": _attentive_cnn(x, axis),
        }
        flat = []
        for name, features in branches.items():
            flat.append(axes.flatten(features, f"{name}_features"))
    x = layers.Concatenate(name="features")(flat)
    x = layers.Dropout(dropout, name="dropout_1")(x)
    x = layers.Dense(UNITS, activation="relu", name="dense_1")(x)
    x = layers.BatchNormalization(name="dense_norm_1")(x)
    x = layers.Dropout(dropout, name="dropout_2")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="hybrid")


def _attentive_cnn(x: keras.KerasTensor, axis: int) -> keras.KerasTensor:
    from keras import layers

    def attend(maps: keras.KerasTensor, stage: str) -> keras.KerasTensor:
        return cbam.attend(maps, axis, f"{cbam.PREFIX}{stage}")

    x = compact.trunk(x, axis, attend)
    return layers.AveragePooling2D(2, name="stage_3_pool")(x)
