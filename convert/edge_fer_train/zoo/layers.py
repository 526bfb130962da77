"""The layers of a model, also of those that are made of other models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras


def leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of *model*; in place of a network that it joins, the layers of that network."""
    for layer in model.layers:
        if is_network(layer):
            yield from leaves(layer)
        else:
            yield layer


def is_network(layer: keras.layers.Layer) -> bool:
    """Return whether *layer* is a model of its own."""
    import keras

    return isinstance(layer, keras.Model)
