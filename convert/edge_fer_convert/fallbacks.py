"""Fallbacks: from static int8 down to float32, one variant after the other, until one passes the gate.

Other ways of choosing ranges come first; then the layer of the scores stays in float, which costs next to nothing; then
the layers around the tensors that lose the most, one, two, four at a time; then activations of 16 bits; then weights of
8 bits alone; then float32, which loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BackendError, GateFailed
from edge_fer_convert import gate as gates
from edge_fer_convert.graph import WEIGHTED, fusion
from edge_fer_convert.sensitivity import TensorError, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer_convert.gate import Gate, QuantizationComparison
    from edge_fer_convert.targets import Converter, Files

INSPECTED: Final = 32
"""Images on which the errors of tensors are taken."""


@dataclass(frozen=True)
class Variant:
    """One way of making a target."""

    words: str
    precision: str
    make: Callable[[], Files]
    method: str = ""
    """How the ranges of its activations are chosen, where they are."""
    float_layers: frozenset[str] = frozenset()
    """Layers that compute in float."""
    shown_only: bool = False
    """Made to be shown beside the others, not to be taken."""


@dataclass(frozen=True)
class Attempt:
    """A variant, made and judged."""

    variant: Variant
    files: Files
    scores: NDArray[np.float32]
    comparison: QuantizationComparison
    refused: str | None
    """Why the gate refused it; None when it passed."""


@dataclass
class FallbackSearch:
    """Climbs down for one target of one converter."""

    converter: Converter
    values: NDArray[np.float32]
    """Calibration values, of which the first are inspected."""
    score: Callable[[Files], NDArray[np.float32]]
    """Files → ``(n, classes)`` scores on the images of the gate."""
    labels: NDArray[np.int64] | None
    reference: NDArray[np.float32]
    """Scores of this runtime's own float32."""
    gate: Gate
    step: Callable[[str], None]
    attempts: list[Attempt] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Rungs that a quantizer could not make, or whose file the runtime refused, each with what was said."""

    def run(self, target: str, *, strict: bool) -> Attempt:
        """Return the first attempt that passes.

        Raises `GateFailed` when none does; when *strict*, only what was asked for is tried.
        """
        runtime, precision = target.split("-")
        for variant in chain(self._as_asked(precision), () if strict else self._fallbacks(precision)):
            self.step(f"{target}: {variant.words}")
            try:
                files = variant.make()
            except Exception as exc:  # noqa: BLE001  (quantizers raise what they like; the next variant may be to be had)
                self._failed(variant, exc)
                continue
            if any(attempt.files == files and not attempt.variant.shown_only for attempt in self.attempts):
                continue  # another way to what was refused already
            try:
                scores = self.reference if variant.precision == "float32" else self.score(files)
            except BackendError as exc:  # a scale that its kernels do not take, for one
                self._failed(variant, exc)
                continue
            comparison = gates.compare_with_float32(scores, self.reference, self.labels)
            attempt = Attempt(variant, files, scores, comparison, self.gate.refuses(comparison))
            self.attempts.append(attempt)
            if attempt.refused is None and not variant.shown_only:
                return attempt
        refused = (f"{attempt.variant.words}: {attempt.refused}" for attempt in self.attempts if attempt.refused)
        tried = "; ".join((*refused, *self.failures))
        raise GateFailed(
            f"{runtime}-{precision} does not pass the gate: {tried}; raise --max-drop, leave --strict out to fall back "
            "to other precisions, or calibrate with more images"
        )

    def _failed(self, variant: Variant, exc: Exception) -> None:
        self.failures.append(f"{variant.words}: {' '.join(f'{type(exc).__name__}: {exc}'.split())[:300]}")

    def worst(self) -> list[TensorError]:
        """Return the tensors of the best static attempt, those that add the most error first."""
        best = self._best()
        return self._ranked(best) if best else []

    def _as_asked(self, precision: str) -> Iterator[Variant]:
        """Yield the ways of making what was asked for."""
        make, fusion_layers, beside = self.converter, self.fusion_layers, self._beside
        if precision == "float32":
            yield self._float32()
        elif precision == "dynamic":
            yield self._dynamic()
        else:
            if fusion_layers:
                yield Variant(
                    "everything in int8, for comparison",
                    "int8",
                    lambda: make.static(make.methods[0], frozenset()),
                    shown_only=True,
                )
            weight_only = make.weight_only_layers(fusion_layers)
            for method in make.methods:
                yield self._static(method, fusion_layers, beside, weight_only)
            if weight_only:
                yield self._static(self._method(), fusion_layers, f"{beside}, with weights of 32 bits")

    def _fallbacks(self, precision: str) -> Iterator[Variant]:
        """Yield the variants below that."""
        make, fusion_layers, beside = self.converter, self.fusion_layers, self._beside
        if precision == "int8":
            if not self._head <= fusion_layers:
                words = f", the layer of the scores in float{beside}"
                yield from self._keeping(self._method(), self._head | fusion_layers, words)
            yield from self._islands()
            if make.has_int16:
                yield Variant(
                    f"activations of 16 bits{beside}", "int16", lambda: make.static(self._method(), fusion_layers, 16)
                )
            yield self._dynamic()
        if precision != "float32":
            yield self._float32()

    @cached_property
    def fusion_layers(self) -> frozenset[str]:
        """Return the layers that join branches; they compute in float on every variant but the comparison's."""
        return fusion(self.converter.graph())

    @cached_property
    def _head(self) -> frozenset[str]:
        """Return the last layer with weights and what follows it.

        Where a normalisation before it is folded into it, its columns have very different sizes.
        """
        graph = self.converter.graph()
        return graph.island(graph.layers[-1].name)

    @property
    def _beside(self) -> str:
        return f"; {len(self.fusion_layers)} layers that join branches in float" if self.fusion_layers else ""

    def _static(
        self, method: str, float_layers: frozenset[str], words: str, weight_only: frozenset[str] = frozenset()
    ) -> Variant:
        make = self.converter.static
        return Variant(
            f"static int8, {method}{words}",
            "int8",
            lambda: make(method, float_layers, weight_only=weight_only),
            method,
            float_layers,
        )

    def _dynamic(self) -> Variant:
        words = f"weights of 8 bits, activations in float{self._beside}"
        return Variant(words, "dynamic", lambda: self.converter.dynamic(self.fusion_layers))

    def _float32(self) -> Variant:
        return Variant("not quantized", "float32", self.converter.float32)

    def _islands(self) -> Iterator[Variant]:
        """Yield variants that keep ever more of the layers around the worst tensors in float."""
        make, best = self.converter, self._best()
        graph = make.graph()
        if best is None:
            return
        base = best.variant.float_layers
        beside = f"{' and that of the scores' if self._head <= base else ''} in float{self._beside}"
        worst = [tensor.layer for tensor in self._ranked(best) if tensor.layer not in base]
        most = max(2, sum(layer.kind in WEIGHTED for layer in graph.layers) // 2)
        count, before = 1, frozenset[str]()
        while count <= len(worst):
            float_layers = frozenset[str]().union(*(graph.island(name) for name in worst[:count]))
            if sum(graph.by_name[name].kind in WEIGHTED for name in float_layers) > most:
                return
            if float_layers != before:
                around = short(worst[0]) if count == 1 else f"the {count} worst tensors"
                words = f", {len(float_layers)} layers around {around}{beside}"
                yield from self._keeping(best.variant.method, float_layers | base, words)
            count, before = count * 2, float_layers

    def _keeping(self, method: str, float_layers: frozenset[str], words: str) -> Iterator[Variant]:
        """Yield the variant that keeps *float_layers* in float; before it those of 8 bits, if any."""
        if weight_only := self.converter.weight_only_layers(float_layers):
            yield self._static(method, float_layers, words, weight_only)
            words += ", with weights of 32 bits"
        yield self._static(method, float_layers, words)

    def _method(self) -> str:
        """Return the best way of choosing ranges so far."""
        best = self._best()
        return best.variant.method if best else self.converter.methods[0]

    def _best(self) -> Attempt | None:
        static = [a for a in self.attempts if a.variant.precision == "int8" and not a.variant.shown_only]
        return max(static, key=lambda attempt: attempt.comparison.agreement, default=None)

    def _ranked(self, attempt: Attempt) -> list[TensorError]:
        after = self.converter.tensors(attempt.files, self.values[:INSPECTED])
        return rank(self.converter.graph(), self._exact, after)

    @cached_property
    def _exact(self) -> dict[str, NDArray[np.float32]]:
        """Tensors of float32, which every attempt is ranked against."""
        return self.converter.tensors(self.converter.float32(), self.values[:INSPECTED])


def short(name: str) -> str:
    """Return what people recognise of a layer's name that a converter has put together."""
    return name.split(";", maxsplit=1)[0].removesuffix("/WithoutBiases")
