"""Scores of several models joined in one graph (Umer et al., CMES 2022, section 2.3.3 and Table 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from edge_fer.errors import BadInput
from edge_fer_train.zoo import cnn_1, cnn_2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import keras

    from edge_fer_train.zoo.axes import DataFormat

Rule = Literal["sum", "product"]
PRODUCT: Final = "product"
"""Name of the layer that multiplies scores, by adding what stands before their softmax."""


def build(
    size: int = 96,
    channels: int = 1,
    classes: int = 7,
    *,
    dropout: float = 0.4,
    rule: Rule = "product",
    shrink: int = 1,
    data_format: DataFormat = "channels_last",
) -> keras.Model:
    """CNN_1 and CNN_2 with their scores joined by *rule*; CNN_2 sees the face *shrink* times smaller. See `join`."""
    options: dict[str, Any] = {"dropout": dropout, "data_format": data_format}
    first = cnn_1.build(size, channels, classes, **options)
    return join([first, cnn_2.build(size // shrink, channels, classes, **options)], rule)


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
        joined = layers.Softmax(name="scores")(layers.Add(name=PRODUCT)(logits))
    else:
        joined = layers.Average(name="scores")(
            [layers.Softmax(name=f"scores_{n}")(x) for n, x in enumerate(logits, start=1)]
        )
    return keras.Model(face, joined, name=f"fused_{rule}")


def networks(model: keras.Model) -> list[dict[str, keras.layers.Layer]]:
    """Return the networks that `join` made *model* of: each as its layers with weights, by the names they had.

    There are none in a model that joins no scores.
    """
    return [
        {layer.name: layer for layer in leaves(part) if layer.weights} | {"scores": _logits(model, part)}
        for part in _parts(model)
    ]


def share(model: keras.Model) -> None:
    """Let each network whose scores *model* multiplies be so much less sure that the product is as sure as one was.

    Networks that were trained apart are each as sure as they should be alone; *n* of them multiplied are *n* times too
    sure, and a model that goes on from there learns to silence one before it learns anything else. What a network has
    before its softmax is divided by *n*, so the product is its geometric mean: the order of the classes stays. Leaves a
    model as it is that multiplies no scores.
    """
    if not _multiplies(model):
        return
    parts = _parts(model)
    for part in parts:
        logits = _logits(model, part)
        logits.set_weights([weight / len(parts) for weight in logits.get_weights()])


def apart(model: keras.Model) -> keras.Model:
    """Return *model*, layers and all, with the scores of each network that it joins behind its own.

    As sure as that network would be alone: where scores are multiplied, what it has before its softmax counts as often
    as there are networks, the inverse of `share`. Raises `BadInput` for a model that joins no scores.
    """
    import keras
    from keras import layers

    parts = _parts(model)
    if not parts:
        raise BadInput(
            f"{model.name} joins no scores, so that there is no loss of each network; leave auxiliary_loss out"
        )
    times = len(parts) if _multiplies(model) else 1
    own = []
    for number, part in enumerate(parts, start=1):
        surer = layers.Rescaling(times, name=f"surer_{number}")(_logits(model, part).output)
        own.append(layers.Softmax(name=f"own_scores_{number}")(surer))
    return keras.Model(model.input, [model.output, *own], name=model.name)


def freeze(model: keras.Model, number: int) -> None:
    """Leave network *number*, from 1, of those whose scores *model* joins as it is: training changes the others.

    It answers in training as it does afterwards, without dropout, so that the others learn what it gets wrong. Raises
    `BadInput` where there is no such network.
    """
    from keras import layers

    parts = _parts(model)
    if not 1 <= number <= len(parts):
        raise BadInput(
            f"{model.name} joins the scores of {len(parts)} networks; there is no network {number} to be frozen"
        )
    part = parts[number - 1]
    part.trainable = _logits(model, part).trainable = False
    for layer in leaves(part):
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0


def leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of *model*, in place of a network that it joins the layers of that."""
    for layer in model.layers:
        if _is_network(layer):
            yield from leaves(layer)
        else:
            yield layer


def _parts(model: keras.Model) -> list[keras.Model]:
    return [layer for layer in model.layers if _is_network(layer)]


def _multiplies(model: keras.Model) -> bool:
    return any(layer.name == PRODUCT for layer in model.layers)


def _logits(model: keras.Model, part: keras.Model) -> keras.layers.Layer:
    return model.get_layer(part.name.replace("part", "logits"))


def _is_network(layer: keras.layers.Layer) -> bool:
    import keras

    return isinstance(layer, keras.Model)
