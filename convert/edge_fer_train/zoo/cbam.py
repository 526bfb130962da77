"""The convolutional block attention module: weights for channels, then for positions (Woo et al., ECCV 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

PREFIX = "cbam_"
"""Begins the names of its layers: a network that was trained without attention has no weights for them."""
REDUCTION = 16
"""How many times fewer units the shared layer of the channel attention has than there are channels (section 4.1)."""


def attend(x: keras.KerasTensor, axis: int, name: str) -> keras.KerasTensor:
    """Weigh channels, then positions, of the feature maps *x* (equations 2 and 3); *axis* is that of the channels."""
    return _weigh_positions(_weigh_channels(x, axis, name), axis, name)


def _weigh_channels(x: keras.KerasTensor, axis: int, name: str) -> keras.KerasTensor:
    from keras import layers

    filters = x.shape[axis]
    # With few filters, a sixteenth of them would be too narrow to say anything.
    squeeze = layers.Conv2D(max(filters // REDUCTION, 4), 1, activation="relu", name=f"{name}_squeeze")
    excite = layers.Conv2D(filters, 1, name=f"{name}_excite")
    average = layers.GlobalAveragePooling2D(keepdims=True)(x)
    maximum = layers.GlobalMaxPooling2D(keepdims=True)(x)
    weights = layers.Add(name=f"{name}_channels")([excite(squeeze(average)), excite(squeeze(maximum))])
    return layers.Multiply(name=f"{name}_by_channel")([x, layers.Activation("sigmoid")(weights)])


def _weigh_positions(x: keras.KerasTensor, axis: int, name: str) -> keras.KerasTensor:
    from keras import layers, ops

    average = ops.mean(x, axis=axis, keepdims=True)
    maximum = ops.max(x, axis=axis, keepdims=True)
    maps = layers.Concatenate(axis=axis, name=f"{name}_maps")([average, maximum])
    positions = layers.Conv2D(1, 7, padding="same", activation="sigmoid", name=f"{name}_positions")(maps)
    return layers.Multiply(name=f"{name}_by_position")([x, positions])
