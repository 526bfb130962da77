"""The order of axes in which a network computes inside: channels first trains faster on some Keras backends.

Input, output and weights are the same in both orders, so a model trained in one loads into the other.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

DataFormat = Literal["channels_last", "channels_first"]


@contextmanager
def inside(data_format: DataFormat) -> Iterator[int]:
    """Let Keras layers that are built in the block compute in *data_format*; gives the axis of the channels."""
    import keras

    # Layers read the order when they are built and keep it, so it is set for the block only.
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(data_format)
    try:
        yield 1 if data_format == "channels_first" else -1
    finally:
        keras.config.set_image_data_format(before)


def enter(face: keras.KerasTensor) -> keras.KerasTensor:
    """Bring a channels-last *face* into the current order."""
    import keras

    if keras.config.image_data_format() == "channels_last":
        return face
    return keras.layers.Permute((3, 1, 2), name="channels_first")(face)


def flatten(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Flatten feature maps to ``(batch, height * width * channels)``, channels last whatever the current order.

    So the dense layer behind them has the same weights in both orders.
    """
    import keras

    if keras.config.image_data_format() == "channels_first":
        x = keras.layers.Permute((2, 3, 1), name=f"{name}_channels_last")(x)
    return keras.layers.Flatten(name=name, data_format="channels_last")(x)
