"""Where quantizing hurts: the error of each tensor, and which layers to keep in float first."""

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
    """How far a tensor is from what it is in float32."""

    layer: str
    """The layer that makes it."""
    error: float
    """Mean over its channels of the error's power by the channel's own, each at most 1: 0 is exact, 1 is lost.

    Channel by channel, because the next layer may weigh a small channel up: a tensor can look right as a whole while
    all but its largest channels are gone.
    """
    added: float
    """What of it was not in the worst of the layer's inputs already."""


def rank(
    graph: Graph, before: dict[str, NDArray[np.float32]], after: dict[str, NDArray[np.float32]]
) -> list[TensorError]:
    """Return the tensors that both have, those that add the most error first; ``(n, ..., channels)`` arrays by name."""
    found: dict[str, TensorError] = {}
    for layer in graph.layers:
        if layer.output not in before or layer.output not in after:
            continue
        if before[layer.output].shape != after[layer.output].shape:
            continue
        exact, now = before[layer.output], after[layer.output]
        if not any(graph.by_name[name].kind in WEIGHTED for name in graph.downstream(layer.name)):
            exact, now = exact.reshape(-1, 1), now.reshape(-1, 1)  # nothing weighs its channels any more
        error = channel_error(exact, now)
        brought = max((found[name].error for name in layer.inputs if name in found), default=0.0)
        found[layer.name] = TensorError(layer.name, error, error - brought)
    return sorted(found.values(), key=lambda tensor: -tensor.added)


def channel_error(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Return the mean over channels of relative squared error; channels that are always zero do not count."""
    exact = before.reshape(-1, before.shape[-1]).astype(np.float64)
    power = (exact**2).sum(axis=0)
    wrong = ((exact - after.reshape(exact.shape)) ** 2).sum(axis=0)
    alive = power > 0
    return float(np.minimum(wrong[alive] / power[alive], 1).mean()) if alive.any() else 0.0
