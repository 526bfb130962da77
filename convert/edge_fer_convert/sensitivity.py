"""Finds where quantizing hurts: the error of each tensor, and the layers that add the most of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_fer_convert.graph import WEIGHTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer_convert.graph import Graph


@dataclass(frozen=True)
class TensorError:
    """How far a tensor is from its value in float32."""

    layer: str
    """The layer that makes the tensor."""
    error: float
    """Mean over the channels of the error's power by the channel's own, each at most 1: 0 is exact, 1 is lost.

    Channel by channel, because the next layer may weigh a small channel up: a tensor can look right as a whole while
    all but its largest channels are gone.
    """
    added: float
    """The part of the error that was not already in the worst of the layer's inputs."""


def rank(
    graph: Graph, before: dict[str, NDArray[np.float32]], after: dict[str, NDArray[np.float32]]
) -> list[TensorError]:
    """Return the errors of the tensors that both have, the largest addition first.

    *before* and *after* are ``(n, ..., channels)`` arrays by tensor name.
    """
    errors: dict[str, TensorError] = {}
    for layer in graph.layers:
        exact = before.get(layer.output)
        quantized = after.get(layer.output)
        # A quantizer may drop a tensor, or fuse layers so that its name belongs to another one.
        if exact is None or quantized is None or exact.shape != quantized.shape:
            continue
        if not _feeds_weights(graph, layer.name):
            # No later layer weighs the channels, so they are compared as one.
            exact = exact.reshape(-1, 1)
            quantized = quantized.reshape(-1, 1)
        error = channel_error(exact, quantized)
        # Layers are in the order of execution, so the errors of a layer's inputs are already known.
        inherited = 0.0
        for source in layer.inputs:
            if source in errors:
                inherited = max(inherited, errors[source].error)
        errors[layer.name] = TensorError(layer.name, error, added=error - inherited)
    return sorted(errors.values(), key=lambda tensor: -tensor.added)


def _feeds_weights(graph: Graph, name: str) -> bool:
    """Return whether a layer with weights comes after the layer *name*."""
    return any(graph.by_name[later].kind in WEIGHTED for later in graph.downstream(name))


def channel_error(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return the mean over the channels of the squared error by the channel's power, each at most 1.

    Both are ``(..., channels)``. Channels that are zero throughout *before* do not count.
    """
    channels = before.shape[-1]
    exact = before.reshape(-1, channels).astype(np.float64)
    power = (exact**2).sum(axis=0)
    wrong = ((exact - after.reshape(exact.shape)) ** 2).sum(axis=0)
    alive = power > 0
    if not alive.any():
        return 0.0
    return float(np.minimum(wrong[alive] / power[alive], 1).mean())
