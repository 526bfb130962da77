"""Fallbacks: from static int8 to float32, one variant after the other, until one passes the gate.

The other ways of choosing ranges come first. Then the layer of the scores stays in float, which costs next to nothing;
then the layers around the worst tensors, one, two, four at a time. Then come 16-bit activations, 8-bit weights alone,
and at last float32, which loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from edge_fer.dependencies import raise_broken_import
from edge_fer.errors import BackendError, GateFailed
from edge_fer_convert.failures import Failure
from edge_fer_convert.gate import compare_with_float32
from edge_fer_convert.graph import WEIGHTED, short_name
from edge_fer_convert.sensitivity import TensorError, rank
from edge_fer_convert.variants import Variant, Variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.evaluation.votes import FerPlusVotes
    from edge_fer_convert.gate import Gate, QuantizationComparison
    from edge_fer_convert.targets import Converter, Files

SLOWER: Final = 1.2
"""How many times as long as float32 a variant may take; less than that a busy machine does, too."""
INSPECTED: Final = 32
"""Number of calibration images on which the errors of tensors are measured."""


@dataclass(frozen=True)
class Attempt:
    """A variant that was made and compared with float32."""

    variant: Variant
    files: Files
    scores: NDArray[np.float32]
    """``(n, classes)``, on the images of the gate."""
    comparison: QuantizationComparison
    refused: str | None
    """Why the gate refused it; None when it passed."""


@dataclass
class FallbackSearch:
    """Searches for the first variant that passes the gate, for one target of one converter."""

    converter: Converter
    values: NDArray[np.float32]
    """Calibration values, of which the first `INSPECTED` are used to find the worst tensors."""
    score: Callable[[Files], NDArray[np.float32]]
    """Files → ``(n, classes)`` scores on the images of the gate."""
    labels: NDArray[np.int64] | None
    reference: NDArray[np.float32]
    """Scores of this runtime's own float32."""
    gate: Gate
    step: Callable[[str], None]
    """Called with the target and the description of each variant, before it is made."""
    votes: FerPlusVotes | None = None
    """Votes of FER+ on the images of the gate, where there are any."""
    medians_ms: Callable[[Files, Files], Sequence[float]] | None = None
    """Two files → how long each takes for a face. Where given, a variant that is slower than float32 is refused."""
    attempts: list[Attempt] = field(default_factory=list, init=False)
    failures: list[Failure] = field(default_factory=list, init=False)
    """Variants that the quantizer could not make or the runtime would not load."""

    def run(self, target: str, *, strict: bool) -> Attempt:
        """Return the first attempt that passes the gate.

        Raises `GateFailed` when none does. When *strict*, only the precision of *target* is tried.
        """
        for variant in self._variants(target, strict=strict):
            self.step(f"{target}: {variant.description}")
            attempt = self._attempt(variant)
            if attempt is None:
                continue
            self.attempts.append(attempt)
            if attempt.refused is None and not variant.shown_only:
                return attempt
        refused = [attempt for attempt in self.attempts if attempt.refused]
        reasons = [f"{attempt.variant.description}: {attempt.refused}" for attempt in refused]
        reasons += [f"{failure.what}: {failure.reason}" for failure in self.failures]
        errors = [failure.error for failure in self.failures]
        raise GateFailed(
            f"{target} does not pass the gate: {'; '.join(reasons)}; raise --max-drop, leave --strict out to fall back "
            "to other precisions, or calibrate with more images"
        ) from (ExceptionGroup("what could not be made", errors) if errors else None)

    def worst(self) -> list[TensorError]:
        """Return the tensors of the best int8 attempt, those that add the most error first."""
        best = self._best()
        return self._ranked(best) if best else []

    @property
    def fusion_layers(self) -> frozenset[str]:
        """The layers that join branches."""
        return self._make.fusion_layers

    @cached_property
    def _make(self) -> Variants:
        return Variants(self.converter)

    def _attempt(self, variant: Variant) -> Attempt | None:
        """Make *variant* and compare it with float32; return None when it fails or is a file that was refused."""
        try:
            files = variant.make()
        except Exception as exc:  # noqa: BLE001  (quantizers raise anything; the next variant may still be possible)
            raise_broken_import(exc)
            self.failures.append(Failure(f"{variant.description} cannot be made", exc))
            return None
        for earlier in self.attempts:
            # Two descriptions can lead to the same file, for instance when no layer can have 8-bit weights.
            if earlier.files == files and not earlier.variant.shown_only:
                return None
        try:
            # Float32 was scored before the search began.
            scores = self.reference if variant.precision == "float32" else self.score(files)
        except BackendError as exc:  # for instance a scale that the runtime's kernels do not take
            self.failures.append(Failure(f"{variant.description} cannot be executed", exc))
            return None
        comparison = compare_with_float32(scores, self.reference, self.labels, votes=self.votes)
        refused = self.gate.refuses(comparison) or self._slower(variant, files)
        return Attempt(variant, files, scores, comparison, refused)

    def _slower(self, variant: Variant, files: Files) -> str | None:
        """Return why *variant* is too slow, or None."""
        if not variant.may_be_slow or self.medians_ms is None:
            return None
        own_ms, float_ms = self.medians_ms(files, self.converter.float32())
        if own_ms <= SLOWER * float_ms:
            return None
        return f"takes {own_ms:.2f} ms for a face, float32 takes {float_ms:.2f} ms (--allow-slower would take it)"

    # The variants are generated one at a time, because later ones depend on how the earlier ones did.

    def _variants(self, target: str, *, strict: bool) -> Iterator[Variant]:
        precision = target.partition("-")[2]
        yield from self._of_precision(precision)
        if not strict:
            yield from self._below(precision)

    def _of_precision(self, precision: str) -> Iterator[Variant]:
        """Yield the ways of making the precision that was asked for."""
        if precision == "float32":
            yield self._make.float32()
        elif precision == "dynamic":
            yield self._make.dynamic()
        else:
            yield from self._int8()

    def _int8(self) -> Iterator[Variant]:
        make = self._make
        fusion_layers = make.fusion_layers
        if fusion_layers:
            yield make.naive()
        weight_only = self.converter.weight_only_layers(fusion_layers)
        for method in self.converter.methods:
            yield make.static(method, fusion_layers, make.fusion_note, weight_only)
        if weight_only:
            # With 32-bit weights the layers that join branches are exact, at the price of a larger file.
            yield make.static(self._best_method(), fusion_layers, f"{make.fusion_note}, with weights of 32 bits")

    def _below(self, precision: str) -> Iterator[Variant]:
        """Yield the fallbacks of *precision*."""
        make = self._make
        if precision == "int8":
            if not make.head <= make.fusion_layers:
                note = f", the layer of the scores in float{make.fusion_note}"
                yield from make.keeping(self._best_method(), make.head | make.fusion_layers, note)
            yield from self._islands()
            if self.converter.has_int16:
                yield make.int16(self._best_method())
            yield make.dynamic()
        if precision != "float32":
            yield make.float32()

    def _islands(self) -> Iterator[Variant]:
        """Yield variants with ever more of the layers around the worst tensors in float."""
        best = self._best()
        if best is None:
            return
        make = self._make
        # The search starts from the best attempt, so what that one keeps in float stays in float.
        base = best.variant.float_layers
        scores_layer = " and that of the scores" if make.head <= base else ""
        ending = f"{scores_layer} in float{make.fusion_note}"
        worst = [tensor.layer for tensor in self._ranked(best) if tensor.layer not in base]
        count = 1
        tried: frozenset[str] = frozenset()
        while count <= len(worst):
            float_layers = self._around(worst[:count])
            if self._weighted(float_layers) > self._most_in_float():
                return
            # The islands of two tensors can be the same.
            if float_layers != tried:
                around = short_name(worst[0]) if count == 1 else f"the {count} worst tensors"
                note = f", {len(float_layers)} layers around {around}{ending}"
                yield from make.keeping(best.variant.method, float_layers | base, note)
            tried = float_layers
            # Doubled, because each attempt takes a quantization and an evaluation.
            count *= 2

    def _around(self, layers: list[str]) -> frozenset[str]:
        """Return the islands of *layers* together."""
        graph = self.converter.graph()
        names: frozenset[str] = frozenset()
        for name in layers:
            names |= graph.island(name)
        return names

    def _weighted(self, names: frozenset[str]) -> int:
        """Return how many of the layers *names* have weights."""
        by_name = self.converter.graph().by_name
        return sum(by_name[name].kind in WEIGHTED for name in names)

    def _most_in_float(self) -> int:
        """Return how many layers with weights may be in float: half of them, beyond which int8 saves little."""
        every_layer = frozenset(self.converter.graph().by_name)
        return max(2, self._weighted(every_layer) // 2)

    def _best_method(self) -> str:
        """Return the best way of choosing ranges so far."""
        best = self._best()
        return best.variant.method if best else self.converter.methods[0]

    def _best(self) -> Attempt | None:
        """Return the int8 attempt that agrees with float32 most often."""
        best = None
        for attempt in self.attempts:
            if attempt.variant.precision != "int8" or attempt.variant.shown_only:
                continue
            if best is None or attempt.comparison.agreement > best.comparison.agreement:
                best = attempt
        return best

    def _ranked(self, attempt: Attempt) -> list[TensorError]:
        try:
            before = self.converter.tensors(self.converter.float32(), self.values[:INSPECTED])
            after = self.converter.tensors(attempt.files, self.values[:INSPECTED])
            return rank(self.converter.graph(), before, after)
        except Exception as exc:  # noqa: BLE001  (runtimes raise anything; the search can do without the worst tensors)
            raise_broken_import(exc)
            self.failures.append(Failure(f"the errors of {attempt.variant.description} are not known", exc))
            return []
