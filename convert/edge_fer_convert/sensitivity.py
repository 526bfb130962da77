"""Finds where quantizing hurts: the error of each tensor, and the layers that add the most of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from edge_fer_convert.graph import WEIGHTED

if TYPE_CHECKING:
    from collections.abc import Iterable

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


@dataclass(frozen=True)
class ChannelError:
    """The error of one tensor, summed up image by image."""

    power: NDArray[np.float64]
    """``(channels,)``, of the tensor in float32."""
    wrong: NDArray[np.float64]
    """``(channels,)``, of its error."""

    @classmethod
    def of(cls, before: NDArray[np.float32], after: NDArray[np.float32]) -> Self:
        """Compare the tensor *before* with *after*, both ``(..., channels)``."""
        channels = before.shape[-1]
        exact = before.reshape(-1, channels).astype(np.float64)
        return cls((exact**2).sum(axis=0), ((exact - after.reshape(exact.shape)) ** 2).sum(axis=0))

    def plus(self, other: ChannelError) -> ChannelError:
        """Return the error on the images of both."""
        return ChannelError(self.power + other.power, self.wrong + other.wrong)

    def mean(self) -> float:
        """Return the mean over the channels of the squared error by the channel's power, each at most 1.

        Channels that are zero throughout do not count.
        """
        alive = self.power > 0
        if not alive.any():
            return 0.0
        return float(np.minimum(self.wrong[alive] / self.power[alive], 1).mean())


def rank(
    graph: Graph,
    before: Iterable[dict[str, NDArray[np.float32]]],
    after: Iterable[dict[str, NDArray[np.float32]]],
) -> list[TensorError]:
    """Return the errors of the tensors that both have, the largest addition first.

    *before* and *after* have, for each image, ``(1, ..., channels)`` arrays by tensor name.
    """
    sums: dict[str, ChannelError] = {}
    weighed = {layer.name: _feeds_weights(graph, layer.name) for layer in graph.layers}
    for exact_tensors, quantized_tensors in zip(before, after, strict=True):
        for layer in graph.layers:
            exact = exact_tensors.get(layer.output)
            quantized = quantized_tensors.get(layer.output)
            # A quantizer may drop a tensor, or fuse layers so that its name belongs to another one.
            if exact is None or quantized is None or exact.shape != quantized.shape:
                continue
            if not weighed[layer.name]:
                # No later layer weighs the channels, so they are compared as one.
                exact = exact.reshape(-1, 1)
            error = ChannelError.of(exact, quantized)
            sums[layer.name] = sums[layer.name].plus(error) if layer.name in sums else error
    return _additions(graph, {name: error.mean() for name, error in sums.items()})


def _additions(graph: Graph, means: dict[str, float]) -> list[TensorError]:
    """Return the errors *means* of the layers with what each has added, the largest addition first."""
    errors: dict[str, TensorError] = {}
    for layer in graph.layers:
        if layer.name not in means:
            continue
        error = means[layer.name]
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
