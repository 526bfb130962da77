"""Carrying a network's weights from one input size to another, between the stages of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.errors import BadInput
from edge_fer_train.zoo import fused

if TYPE_CHECKING:
    from numpy.typing import NDArray


def transfer(source: keras.Model, target: keras.Model) -> None:
    """Give *target* the weights of *source*, which is the same network at another input size.

    Only the shape of the dense layer behind a flattening, or behind several joined, depends on the size. Its weights
    are interpolated between the source's positions, so that each stays with its place in the face; on evenly spread
    features both answer alike. Raises `BadInput` where something else depends on it.
    """
    parts, sizes = _flattened(source), _flattened(target)
    weights = []
    for old, new in zip(source.weights, target.weights, strict=True):
        value = np.asarray(keras.ops.convert_to_numpy(old))
        if value.shape != new.shape:
            if value.shape[0] not in parts or new.shape[0] not in sizes:
                raise BadInput(f"{source.name} cannot change its size: {old.path} mixes positions; give all stages one")
            value = _stretched(value, parts[value.shape[0]], sizes[new.shape[0]])
        weights.append(value)
    target.set_weights(weights)


def _flattened(model: keras.Model) -> dict[int, list[tuple[int, int, int]]]:
    """Return, by their length, the vectors that *model* makes of maps: the shapes of the maps, in their order."""
    layers = list(fused.leaves(model))
    shapes = {id(x.output): tuple(x.input.shape[1:]) for x in layers if isinstance(x, keras.layers.Flatten)}
    joined = [x for x in layers if isinstance(x, keras.layers.Concatenate) and all(id(y) in shapes for y in x.input)]
    vectors = [[shape] for shape in shapes.values()] + [[shapes[id(x)] for x in layer.input] for layer in joined]
    return {sum(map(math.prod, maps)): maps for maps in vectors}


def _stretched(
    kernel: NDArray[np.float32], before: list[tuple[int, int, int]], after: list[tuple[int, int, int]]
) -> NDArray[np.float32]:
    """Return *kernel*, whose rows belong to maps of the shapes *before*, for maps of the shapes *after*."""
    parts = np.split(kernel, np.cumsum([math.prod(shape) for shape in before])[:-1])
    return np.concatenate([_resized(part, *shapes) for part, *shapes in zip(parts, before, after, strict=True)])


def _resized(
    kernel: NDArray[np.float32], before: tuple[int, int, int], after: tuple[int, int, int]
) -> NDArray[np.float32]:
    rows, columns = (_spread(old, new) for old, new in zip(before[:2], after[:2], strict=True))
    grid = np.einsum("Yy,Xx,yxcu->YXcu", rows, columns, kernel.reshape(*before, -1))
    return np.asarray(grid.reshape(math.prod(after), -1), np.float32)


def _spread(before: int, after: int) -> NDArray[np.floating[Any]]:
    """Return ``(after, before)`` linear weights, a row a new place; what was in an old one is shared out and stays."""
    few, many = sorted((before, after))
    centres = (np.arange(many) + 0.5) * few / many - 0.5
    weights = np.stack([np.interp(centres, np.arange(few), place) for place in np.eye(few)], axis=1)
    weights = weights if after == many else weights.T
    return np.asarray(weights / weights.sum(axis=0))
