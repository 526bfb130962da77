"""Scores of several models joined in one graph (Umer et al., CMES 2022, section 2.3.3 and Table 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from edge_fer.errors import BadInput
from edge_fer_train.zoo import cnn_1, cnn_2
from edge_fer_train.zoo.layers import is_network, leaves

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from edge_fer_train.zoo.axes import DataFormat

Rule = Literal["sum", "product"]
PRODUCT: Final = "product"
"""Name of the layer that multiplies scores, by adding their logits."""


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
    second = cnn_2.build(size // shrink, channels, classes, **options)
    return join([first, second], rule)


def join(parts: Sequence[keras.Model], rule: Rule) -> keras.Model:
    """Join models of faces, each of which ends in a dense softmax layer ``scores``, by the sum or product rule.

    The input has the size of the largest model; a model of half or a third of that size sees averages of pixels. Output
    is ``(batch, classes)`` probabilities: for the sum rule the mean of the scores, for the product rule their product
    divided by its sum. The product is computed as the softmax of the sum of the logits, which is the same number and
    cannot underflow. Raises `BadInput` for a size that does not divide the largest.
    """
    import keras

    largest = max(part.input_shape[1:] for part in parts)  # by height; width and channels follow it
    face = keras.Input(largest, name="face")
    logits = []
    for number, part in enumerate(parts, start=1):
        seen = _shrunk(face, part, number)
        scores = part.get_layer("scores")
        features = keras.Model(part.inputs, scores.input, name=f"part_{number}")(seen)
        # A dense layer without the softmax, but with the weights of the one that had it.
        linear = keras.layers.Dense(scores.units, name=f"logits_{number}")
        logits.append(linear(features))
        linear.set_weights(scores.get_weights())
    return keras.Model(face, _joined(logits, rule), name=f"fused_{rule}")


def _shrunk(face: keras.KerasTensor, part: keras.Model, number: int) -> keras.KerasTensor:
    """Return *face* at the size that *part* was built for."""
    from keras import layers

    times, rest = divmod(face.shape[1], part.input_shape[1])
    if rest:
        raise BadInput(f"{part.name} is for {part.input_shape[1]} px, which does not divide {face.shape[1]}")
    if times == 1:
        return face
    return layers.AveragePooling2D(times, name=f"smaller_{number}")(face)


def _joined(logits: Sequence[keras.KerasTensor], rule: Rule) -> keras.KerasTensor:
    from keras import layers

    if rule == "product":
        return layers.Softmax(name="scores")(layers.Add(name=PRODUCT)(logits))
    scores = []
    for number, of_part in enumerate(logits, start=1):
        scores.append(layers.Softmax(name=f"scores_{number}")(of_part))
    return layers.Average(name="scores")(scores)


def networks(model: keras.Model) -> list[dict[str, keras.layers.Layer]]:
    """Return the networks that `join` made *model* of: for each its layers with weights, by their original names.

    The list is empty for a model that joins no scores.
    """
    joined = []
    for part in _parts(model):
        layers = {}
        for layer in leaves(part):
            if layer.weights:
                layers[layer.name] = layer
        # The logits have the weights of the layer that was called "scores".
        layers["scores"] = _logits(model, part)
        joined.append(layers)
    return joined


def soften_logits(model: keras.Model) -> None:
    """Make each network whose scores *model* multiplies less sure, so that their product is as sure as one was.

    Networks that were trained separately are each as sure as they should be alone. Multiplied, *n* of them are *n*
    times too sure, and further training learns to silence one before it learns anything else. So the logits of each
    network are divided by *n*, which makes the product a geometric mean; the order of the classes stays. Changes
    nothing in a model that multiplies no scores.
    """
    if not _multiplies(model):
        return
    parts = _parts(model)
    for part in parts:
        logits = _logits(model, part)
        kernel, bias = logits.get_weights()
        logits.set_weights([kernel / len(parts), bias / len(parts)])


def with_own_outputs(model: keras.Model) -> keras.Model:
    """Return *model* with the same layers and more outputs: after its own scores, those of each network that it joins.

    Each network is as sure as it would be alone: where scores are multiplied, its logits are multiplied by the number
    of networks, the inverse of `soften_logits`. Raises `BadInput` for a model that joins no scores.
    """
    import keras
    from keras import layers

    parts = _parts(model)
    if not parts:
        raise BadInput(f"{model.name} joins no scores, so no network has a loss of its own; leave out auxiliary_loss")
    factor = len(parts) if _multiplies(model) else 1
    own = []
    for number, part in enumerate(parts, start=1):
        # The names of these layers are part of the last.keras of interrupted runs.
        own_logits = layers.Rescaling(factor, name=f"surer_{number}")(_logits(model, part).output)
        own.append(layers.Softmax(name=f"own_scores_{number}")(own_logits))
    return keras.Model(model.input, [model.output, *own], name=model.name)


def freeze(model: keras.Model, number: int) -> None:
    """Freeze network *number*, from 1, of those whose scores *model* joins: training changes the others only.

    The frozen network has no dropout either, so that the others learn from the errors that it makes in use. Raises
    `BadInput` when there is no such network.
    """
    from keras import layers

    parts = _parts(model)
    if not 1 <= number <= len(parts):
        raise BadInput(f"{model.name} joins {len(parts)} networks; there is no network {number} to freeze")
    part = parts[number - 1]
    part.trainable = False
    _logits(model, part).trainable = False
    # Layers drop values while the model trains, whether they are trainable or not.
    for layer in leaves(part):
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0


def _parts(model: keras.Model) -> list[keras.Model]:
    return [layer for layer in model.layers if is_network(layer)]


def _multiplies(model: keras.Model) -> bool:
    return any(layer.name == PRODUCT for layer in model.layers)


def _logits(model: keras.Model, part: keras.Model) -> keras.layers.Layer:
    """Return the dense layer behind *part*, whose number its name has."""
    return model.get_layer(part.name.replace("part", "logits"))
