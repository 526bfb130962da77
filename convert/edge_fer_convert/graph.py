"""A model as a graph of layers, the same for every format, and the layers that must not be quantized together.

Two things ruin a fused model under int8. Scores joined by the sum or product rule (Umer et al., CMES 2022, section
2.3.3) leave their softmax in 256 steps, too coarse to multiply. Joined features (Abdulkadir et al., JOIG 2025) have a
different range in each branch, and one scale for all of them drowns the smallest. So each branch is quantized with
scales of its own, and the layers that join the branches compute in float.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CONVOLUTION: Final = "convolution"
DENSE: Final = "dense"
SOFTMAX: Final = "softmax"
CONCAT: Final = "concat"
OTHER: Final = "other"
WEIGHTED: Final = frozenset({CONVOLUTION, DENSE})
"""Kinds of layers with weights."""


@dataclass(frozen=True)
class Layer:
    """One operation."""

    name: str
    """Its name in the format."""
    kind: str
    """`CONVOLUTION`, `DENSE`, `SOFTMAX` (or sigmoid), `CONCAT`, or `OTHER`."""
    inputs: tuple[str, ...]
    """The layers that feed it, without constants and the model's own input."""
    output: str
    """Name of the tensor that it makes."""


@dataclass(frozen=True)
class Graph:
    """Layers in the order in which they execute."""

    layers: tuple[Layer, ...]

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """The layers by their names."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def consumers(self) -> dict[str, tuple[str, ...]]:
        """For each layer, the layers that it feeds."""
        names: dict[str, list[str]] = {layer.name: [] for layer in self.layers}
        for layer in self.layers:
            for source in layer.inputs:
                names[source].append(layer.name)
        return {source: tuple(fed) for source, fed in names.items()}

    def downstream(self, name: str) -> frozenset[str]:
        """Return every layer that depends on *name*, without itself."""
        seen: set[str] = set()
        waiting = list(self.consumers[name])
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                waiting += self.consumers[at]
        return frozenset(seen)

    def island(self, name: str) -> frozenset[str]:
        """Return the layers from the last one with weights at or before *name* to the next one with weights.

        With an island in float, nothing between two layers with weights is quantized.
        """
        before = self._until_weights(name, self._inputs)
        after = self._until_weights(name, self._outputs, beyond_start=True)
        return before | after

    def _inputs(self, name: str) -> tuple[str, ...]:
        return self.by_name[name].inputs

    def _outputs(self, name: str) -> tuple[str, ...]:
        return self.consumers[name]

    def _until_weights(
        self, name: str, neighbours: Callable[[str], Iterable[str]], *, beyond_start: bool = False
    ) -> frozenset[str]:
        """Return the layers reached from *name* by *neighbours*, up to and with the first one with weights on each way.

        With *beyond_start*, *name* itself does not end the walk.
        """
        seen = {name}
        waiting = [name]
        while waiting:
            at = waiting.pop()
            passes = beyond_start and at == name
            if self.by_name[at].kind in WEIGHTED and not passes:
                continue
            unseen = set(neighbours(at)) - seen
            seen |= unseen
            waiting += unseen
        return frozenset(seen)


def short_name(name: str) -> str:
    """Return the part of a layer's name that its author gave; TensorFlow joins the names of fused layers by ``;``."""
    return name.split(";", maxsplit=1)[0].removesuffix("/WithoutBiases")


def fusion(graph: Graph) -> frozenset[str]:
    """Return the layers that join branches and must compute in float; none in a model of one branch.

    Joined scores: a softmax and everything after it, where no layer with weights follows. Joined features: a
    concatenation of several branches and the layers up to the dense head, where no convolution follows.
    """
    names: set[str] = set()
    for layer in graph.layers:
        after = graph.downstream(layer.name)
        kinds = {graph.by_name[name].kind for name in after}
        # Attention ends in a softmax too, but layers with weights follow it.
        joins_scores = layer.kind == SOFTMAX and not kinds & WEIGHTED and _has_join(graph, after)
        # An Inception block concatenates too, but convolutions follow it.
        joins_features = layer.kind == CONCAT and len(set(layer.inputs)) > 1 and CONVOLUTION not in kinds
        if joins_scores:
            names |= {layer.name} | after
        elif joins_features:
            names |= {layer.name} | (graph.island(layer.name) & after)
    return frozenset(names)


def _has_join(graph: Graph, names: frozenset[str]) -> bool:
    """Return whether any of the layers *names* has more than one input."""
    return any(len(set(graph.by_name[name].inputs)) > 1 for name in names)
