"""Variants: the ways of quantizing one model for one runtime, each with the description that the manifest gives it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from edge_fer_convert.graph import fusion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer_convert.targets import Converter, Files


@dataclass(frozen=True)
class Variant:
    """One way of making a target."""

    description: str
    """In words; the ``recipe`` of a manifest's target."""
    precision: str
    make: Callable[[], Files]
    method: str = ""
    """How the ranges of activations are chosen, where they are quantized."""
    float_layers: frozenset[str] = frozenset()
    """Layers that compute in float."""
    shown_only: bool = False
    """Whether the report shows it beside the others, and it is never chosen."""
    may_be_slow: bool = False
    """Whether it can be slower than float32: kernels for 16 bits are rare, and each border of int8 and float costs."""


class Variants:
    """Makes the variants of one converter. Layers that join branches compute in float in all of them but `naive`."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    @cached_property
    def fusion_layers(self) -> frozenset[str]:
        """The layers that join branches."""
        return fusion(self._converter.graph())

    @cached_property
    def head(self) -> frozenset[str]:
        """The last layer with weights and everything after it.

        A normalisation folded into that layer gives its columns very different sizes, which 8 bits cannot hold.
        """
        graph = self._converter.graph()
        return graph.island(graph.layers[-1].name)

    @property
    def fusion_note(self) -> str:
        """What the description of every variant ends in, where the model joins branches."""
        if not self.fusion_layers:
            return ""
        return f"; {len(self.fusion_layers)} layers that join branches in float"

    def float32(self) -> Variant:
        """Return the model without quantization."""
        return Variant("not quantized", "float32", self._converter.float32)

    def dynamic(self) -> Variant:
        """Return 8-bit weights with activations that need no calibration."""
        description = f"weights of 8 bits, activations {self._converter.dynamic_in_words}{self.fusion_note}"
        return Variant(description, "dynamic", partial(self._converter.dynamic, self.fusion_layers))

    def int16(self, method: str) -> Variant:
        """Return 8-bit weights with 16-bit activations."""
        make = partial(self._converter.static, method, self.fusion_layers, 16)
        return Variant(f"activations of 16 bits{self.fusion_note}", "int16", make, may_be_slow=True)

    def naive(self) -> Variant:
        """Return int8 throughout, without regard to branches: what the report compares the others with."""
        make = partial(self._converter.static, self._converter.methods[0], frozenset())
        return Variant("everything in int8, for comparison", "int8", make, shown_only=True)

    def static(
        self,
        method: str,
        float_layers: frozenset[str],
        note: str,
        weight_only: frozenset[str] = frozenset(),
    ) -> Variant:
        """Return int8 with *float_layers* in float; *note* is added to the description."""
        make = partial(self._converter.static, method, float_layers, weight_only=weight_only)
        mixed = bool(float_layers - self.fusion_layers)
        return Variant(f"static int8, {method}{note}", "int8", make, method, float_layers, may_be_slow=mixed)

    def keeping(self, method: str, float_layers: frozenset[str], note: str) -> Iterator[Variant]:
        """Yield int8 with *float_layers* in float: with 8-bit weights first where they are possible, then without."""
        # Smaller files first, as long as they pass.
        weight_only = self._converter.weight_only_layers(float_layers)
        if weight_only:
            yield self.static(method, float_layers, note, weight_only)
            note += ", with weights of 32 bits"
        yield self.static(method, float_layers, note)
