"""A model's layers and what flows between them, the same for every format; and what must not be quantized together.

Two things ruin a fused model under int8. Scores that are joined by the sum or the product rule (Umer et al., CMES 2022,
section 2.3.3) come out of a softmax in 256 steps, too coarse to multiply. Features that are joined (Abdulkadir et al.,
JOIG 2025) have other ranges branch by branch, and one scale for all of them drowns the smallest. So each branch is
quantized with scales of its own, and what joins them computes in float.
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


@dataclass(frozen=True)
class Layer:
    """One operation."""

    name: str
    """As its format names it."""
    kind: str
    """`CONVOLUTION`, `DENSE`, `SOFTMAX` (or sigmoid), `CONCAT`, or `OTHER`."""
    inputs: tuple[str, ...]
    """Layers that feed it; constants and the model's own input are left out."""
    output: str
    """Name of the tensor that it makes."""


@dataclass(frozen=True)
class Graph:
    """Layers in the order in which they execute."""

    layers: tuple[Layer, ...]

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """Return the layers by their names."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def consumers(self) -> dict[str, tuple[str, ...]]:
        """Return, for each layer, those that it feeds."""
        found: dict[str, list[str]] = {layer.name: [] for layer in self.layers}
        for layer in self.layers:
            for name in layer.inputs:
                found[name].append(layer.name)
        return {name: tuple(names) for name, names in found.items()}

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

        Kept in float together, nothing between two layers with weights is quantized.
        """
        return self._until_weights(name, lambda at: self.by_name[at].inputs) | self._until_weights(
            name, self.consumers.__getitem__, beyond=True
        )

    def _until_weights(
        self, name: str, step: Callable[[str], Iterable[str]], *, beyond: bool = False
    ) -> frozenset[str]:
        seen = {name}
        waiting = [name]
        while waiting:
            at = waiting.pop()
            if self.by_name[at].kind in WEIGHTED and not (beyond and at == name):
                continue
            fresh = set(step(at)) - seen
            seen |= fresh
            waiting += fresh
        return frozenset(seen)


def fusion(graph: Graph) -> frozenset[str]:
    """Return the layers that join branches, which are to compute in float: none in a model of one branch.

    Those are what follows a softmax, the softmax included, where no layer with weights comes any more (joined scores);
    and a concatenation of several branches with what leads from it into the dense head, where no convolution comes any
    more (joined features).
    """
    kept: set[str] = set()
    for layer in graph.layers:
        after = graph.downstream(layer.name)
        kinds = {graph.by_name[name].kind for name in after}
        if layer.kind == SOFTMAX and not kinds & WEIGHTED and _joins(graph, after):
            kept |= {layer.name} | after
        elif layer.kind == CONCAT and len(set(layer.inputs)) > 1 and CONVOLUTION not in kinds:
            kept |= {layer.name} | graph.island(layer.name) & after
    return frozenset(kept)


def _joins(graph: Graph, names: frozenset[str]) -> bool:
    """Tell whether any of the layers *names* takes in more than one other layer."""
    return any(len(set(graph.by_name[name].inputs)) > 1 for name in names)
