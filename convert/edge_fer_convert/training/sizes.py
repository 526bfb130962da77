"""Carrying a network's weights from one input size to another, between the stages of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray


def transfer(source: keras.Model, target: keras.Model) -> None:
    """Give *target* the weights of *source*, which is the same network at another input size.

    Only the shape of the dense layer behind a flattening depends on the size. Its weights are interpolated between the
    source's positions, so that each stays with its place in the face; on evenly spread features both answer alike.
    Raises `BadInput` where features of several branches are joined behind the flattening.
    """
    channels_of = {
        layer.output.shape[-1]: layer.input.shape[-1]
        for layer in source.layers
        if isinstance(layer, keras.layers.Flatten)
    }
    weights = []
    for old, new in zip(source.weights, target.weights, strict=True):
        value = np.asarray(keras.ops.convert_to_numpy(old))
        if value.shape != new.shape:
            if value.shape[0] not in channels_of:
                raise BadInput(f"{source.name} cannot change its size: {old.path} mixes positions; give all stages one")
            value = _stretched(value, channels_of[value.shape[0]], new.shape[0])
        weights.append(value)
    target.set_weights(weights)


def _stretched(kernel: NDArray[np.float32], channels: int, inputs: int) -> NDArray[np.float32]:
    """Return the ``(inputs, units)`` form of a ``(side * side * channels, units)`` *kernel*."""
    before, after = (math.isqrt(n // channels) for n in (kernel.shape[0], inputs))
    spread = _spread(before, after)
    grid = kernel.reshape(before, before, channels, -1)
    stretched = np.einsum("Yy,Xx,yxcu->YXcu", spread, spread, grid)
    return np.asarray(stretched.reshape(inputs, -1), np.float32)


def _spread(before: int, after: int) -> NDArray[np.floating[Any]]:
    """Return ``(after, before)`` linear weights, a row a new place; what was in an old one is shared out and stays."""
    few, many = sorted((before, after))
    centres = (np.arange(many) + 0.5) * few / many - 0.5
    weights = np.stack([np.interp(centres, np.arange(few), place) for place in np.eye(few)], axis=1)
    weights = weights if after == many else weights.T
    return np.asarray(weights / weights.sum(axis=0))
