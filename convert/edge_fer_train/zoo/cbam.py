"""The convolutional block attention module: weights for channels, then for positions (Woo et al., ECCV 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

PREFIX = "cbam_"
"""Of the names of its layers: a network that was trained without attention has no weights for them."""
REDUCTION = 16
"""Of the shared layer in channel attention (section 4.1)."""


def attend(x: keras.KerasTensor, axis: int, name: str) -> keras.KerasTensor:
    """Weigh channels, then positions, of the feature maps *x* (equations 2 and 3); *axis* is that of the channels."""
    from keras import layers, ops

    filters = x.shape[axis]
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
