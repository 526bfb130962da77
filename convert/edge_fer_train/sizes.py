"""Carrying a network's weights from one input size to another, between the stages of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edge_fer.errors import BadInput
from edge_fer_train.zoo.layers import leaves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Shape = tuple[int, int, int]
    """Height, width and channels of feature maps."""


def transfer(source: keras.Model, target: keras.Model) -> None:
    """Give *target* the weights of *source*, which is the same network at another input size.

    Only the shape of the dense layer behind a flattening, or behind several joined, depends on the size. Its weights
    are interpolated between the positions of the source, so that each stays at its place in the face; on features that
    are the same everywhere, both networks answer alike. Raises `BadInput` where something else depends on the size.
    """
    maps_before = _flattened(source)
    maps_after = _flattened(target)
    weights = []
    for old, new in zip(source.weights, target.weights, strict=True):
        value = np.asarray(keras.ops.convert_to_numpy(old))
        if value.shape != new.shape:
            if value.shape[0] not in maps_before or new.shape[0] not in maps_after:
                raise BadInput(f"{source.name} cannot change its size: {old.path} mixes positions; give all stages one")
            value = _stretched(value, maps_before[value.shape[0]], maps_after[new.shape[0]])
        weights.append(value)
    # At once: the order of the weights is the same in both networks.
    target.set_weights(weights)


def _flattened(model: keras.Model) -> dict[int, list[Shape]]:
    """Return the vectors that *model* flattens feature maps to: by their length, the shapes of the maps in order."""
    layers = list(leaves(model))
    shapes: dict[int, Shape] = {}  # by the identity of the flat tensor
    vectors: list[list[Shape]] = []
    for layer in layers:
        if isinstance(layer, keras.layers.Flatten):
            shape = tuple(layer.input.shape[1:])
            shapes[id(layer.output)] = shape
            vectors.append([shape])
    for layer in layers:
        if not isinstance(layer, keras.layers.Concatenate):
            continue
        joined = [shapes.get(id(part)) for part in layer.input]
        known = [shape for shape in joined if shape is not None]
        if len(known) == len(joined):  # it joins nothing but flattened maps
            vectors.append(known)
    by_length = {}
    for maps in vectors:
        length = sum(math.prod(shape) for shape in maps)
        by_length[length] = maps
    return by_length


def _stretched(kernel: NDArray[np.float32], before: Sequence[Shape], after: Sequence[Shape]) -> NDArray[np.float32]:
    """Return *kernel*, whose rows belong to maps of the shapes *before*, for maps of the shapes *after*."""
    lengths = [math.prod(shape) for shape in before]
    parts = np.split(kernel, np.cumsum(lengths)[:-1])
    resized = []
    for part, old, new in zip(parts, before, after, strict=True):
        resized.append(_resized(part, old, new))
    return np.concatenate(resized)


def _resized(kernel: NDArray[np.float32], before: Shape, after: Shape) -> NDArray[np.float32]:
    rows = _linear_weights(before[0], after[0])
    columns = _linear_weights(before[1], after[1])
    grid = np.einsum("Yy,Xx,yxcu->YXcu", rows, columns, kernel.reshape(*before, -1))
    return np.asarray(grid.reshape(math.prod(after), -1), np.float32)


def _linear_weights(before: int, after: int) -> NDArray[np.floating[Any]]:
    """Return ``(after, before)`` linear weights, one row per new place; each column sums to one.

    So the weight of an old place is shared out among new ones, and none is lost.
    """
    few, many = sorted((before, after))
    centres = (np.arange(many) + 0.5) * few / many - 0.5  # of the fine places, in units of the coarse ones
    weights = np.empty((many, few))
    for place, one_hot in enumerate(np.eye(few)):
        # Interpolated, a 1 at one coarse place and 0 elsewhere gives the share of that place in each fine one.
        weights[:, place] = np.interp(centres, np.arange(few), one_hot)
    if after != many:  # towards fewer places: each takes from those within it
        weights = weights.T
    return np.asarray(weights / weights.sum(axis=0))
