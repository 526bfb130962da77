"""OpenFace's nn4.small2 (Amos et al., 2016), as in Smelyakov et al., COLINS 2022, from its Keras port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edge_fer_train.zoo import axes

if TYPE_CHECKING:
    import keras

    from edge_fer_train.zoo.axes import DataFormat

EPSILON = 1e-5
"""Epsilon of batch normalisation, as in the port; Keras' default is 1e-3."""


@dataclass(frozen=True)
class Inception:
    """One module: filters before and after its 3x3 and 5x5 convolutions, its pooled branch, its 1x1 branch."""

    name: str
    three: tuple[int, int]
    five: tuple[int, int] | None
    pool: Literal["max", "l2"]
    pooled: int | None
    """Filters of the 1x1 convolution behind the pool; None leaves it out."""
    one: int | None
    stride: int = 1


MODULES = (
    Inception("3a", (96, 128), (16, 32), "max", 32, 64),
    Inception("3b", (96, 128), (32, 64), "l2", 64, 64),
    Inception("3c", (128, 256), (32, 64), "max", None, None, stride=2),
    Inception("4a", (96, 192), (32, 64), "l2", 128, 256),
    Inception("4e", (160, 256), (64, 128), "max", None, None, stride=2),
    Inception("5a", (96, 384), None, "l2", 96, 256),
    Inception("5b", (96, 384), None, "max", 96, 256),
)


def build(
    size: int = 96,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.3,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """OpenFace up to its 128 features, dropout, softmax; *size* is 96 or more.

    Input is ``(batch, size, size, channels)`` float32; output is ``(batch, classes)`` probabilities. At 96x96x3 it has
    the 3,743,280 parameters that Smelyakov et al., COLINS 2022, section 6, give before the head. Layers have the names
    of the Keras port, by which its weights are found. Its local response normalisation is left out: with the port's
    alpha of 0.0001, it divides activations of size 1 by 1.001, which int8 cannot resolve.
    """
    import keras
    from keras import layers

    face = keras.Input((size, size, channels), name="face")
    with axes.inside(data_format) as axis:
        # Padded explicitly, as in the port: with strides, Keras' "same" pads the end more than the beginning.
        x = layers.ZeroPadding2D(3)(axes.enter(face))
        x = _convolve(x, axis, 64, 7, "conv1", "bn1", stride=2)
        x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
        x = _convolve(x, axis, 64, 1, "conv2", "bn2")
        x = _convolve(layers.ZeroPadding2D(1)(x), axis, 192, 3, "conv3", "bn3")
        x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
        for module in MODULES:
            x = _inception(x, axis, module)
        x = layers.GlobalAveragePooling2D(name="pooled")(x)
    x = layers.Dense(128, name="dense_layer")(x)
    x = layers.Activation("linear", name="features")(x)  # where pretrained.backbone ends
    x = layers.Dropout(dropout, name="dropout")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return keras.Model(face, scores, name="openface")


def _convolve(
    x: keras.KerasTensor, axis: int, filters: int, kernel: int, conv: str, norm: str, stride: int = 1
) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(filters, kernel, strides=stride, name=conv)(x)
    x = layers.BatchNormalization(axis=axis, epsilon=EPSILON, name=norm)(x)
    return layers.ReLU()(x)


def _inception(x: keras.KerasTensor, axis: int, module: Inception) -> keras.KerasTensor:
    from keras import layers

    name = f"inception_{module.name}"
    branches = [_reduced(x, axis, module.three, 3, f"{name}_3x3", module.stride)]
    if module.five is not None:
        branches.append(_reduced(x, axis, module.five, 5, f"{name}_5x5", module.stride))
    pooled = layers.MaxPooling2D(3, 2)(x) if module.pool == "max" else _l2_pool(x)
    if module.pooled is not None:
        pooled = _convolve(pooled, axis, module.pooled, 1, f"{name}_pool_conv", f"{name}_pool_bn")
    branches.append(_widened(pooled, branches[0], axis))
    if module.one is not None:
        branches.append(_convolve(x, axis, module.one, 1, f"{name}_1x1_conv", f"{name}_1x1_bn"))
    return layers.Concatenate(axis=axis, name=name)(branches)


def _reduced(
    x: keras.KerasTensor, axis: int, filters: tuple[int, int], kernel: int, name: str, stride: int
) -> keras.KerasTensor:
    """Return a convolution of *kernel* behind one of 1x1 that reduces the channels."""
    from keras import layers

    x = _convolve(x, axis, filters[0], 1, f"{name}_conv1", f"{name}_bn1")
    x = layers.ZeroPadding2D(kernel // 2)(x)
    return _convolve(x, axis, filters[1], kernel, f"{name}_conv2", f"{name}_bn2", stride=stride)


def _l2_pool(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the root of the sum of squares in 3x3 windows side by side."""
    from keras import layers, ops

    squares = layers.AveragePooling2D(3, 3)(ops.square(x))
    # The slope of the root is infinite at 0, and would make the gradient NaN.
    return ops.sqrt(ops.maximum(squares * 9.0, 1e-12))


def _widened(x: keras.KerasTensor, like: keras.KerasTensor, axis: int) -> keras.KerasTensor:
    """Pad *x* with zeros to the height and width of *like*; an odd row or column goes to the end, as in the port."""
    from keras import layers

    side = 2 if axis == 1 else 1
    missing = like.shape[side] - x.shape[side]
    before = missing // 2
    after = missing - before
    return layers.ZeroPadding2D(((before, after), (before, after)))(x)
