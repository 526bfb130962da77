"""Scores of several models joined in one graph (Umer et al., CMES 2022, section 2.3.3 and Table 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edge_fer.errors import BadInput
from edge_fer_convert.zoo import cnn_1, cnn_2

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from edge_fer_convert.zoo.axes import DataFormat

Rule = Literal["sum", "product"]


def build(
    size: int = 96,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.4,
    rule: Rule = "product",
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """CNN_1 and CNN_2 with their scores joined by *rule*; see `join`."""
    parts = [zoo.build(size, channels, classes, dropout=dropout, data_format=data_format) for zoo in (cnn_1, cnn_2)]
    return join(parts, rule)


def join(parts: Sequence[keras.Model], rule: Rule) -> keras.Model:
    """Join models of faces, each of which ends in a dense softmax layer ``scores``, by the sum or product rule.

    The face has the size of the largest; a model of half that size, or a third, gets means of so many pixels.
    ``(batch, classes)`` probabilities come out: of the sum rule the mean of the scores, of the product rule their
    product divided by its sum. That product is computed as the softmax of the sum of what the models had before their
    own softmax, which is the same number and cannot underflow. Raises `BadInput` for a size that does not divide the
    largest.
    """
    import keras
    from keras import layers

    face = keras.Input(max(part.input_shape[1:] for part in parts), name="face")
    logits = []
    for number, part in enumerate(parts, start=1):
        scores = part.get_layer("scores")
        times, rest = divmod(face.shape[1], part.input_shape[1])
        if rest:
            raise BadInput(f"{part.name} is for {part.input_shape[1]} px, which does not divide {face.shape[1]}")
        seen = face if times == 1 else layers.AveragePooling2D(times, name=f"smaller_{number}")(face)
        features = keras.Model(part.inputs, scores.input, name=f"part_{number}")(seen)
        linear = layers.Dense(scores.units, name=f"logits_{number}")
        logits.append(linear(features))
        linear.set_weights(scores.get_weights())
    if rule == "product":
        joined = layers.Softmax(name="scores")(layers.Add(name="product")(logits))
    else:
        joined = layers.Average(name="scores")(
            [layers.Softmax(name=f"scores_{n}")(x) for n, x in enumerate(logits, start=1)]
        )
    return keras.Model(face, joined, name=f"fused_{rule}")
