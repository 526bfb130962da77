"""The ladder: from static int8 down to float32, one rung after the other, until one passes the gate.

Other ways of choosing ranges come first; then the layers around the tensors that lose the most stay in float, one, two,
four at a time; then activations of 16 bits; then weights of 8 bits alone; then float32, which loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_fer.errors import GateFailed
from edge_fer_convert import gate as gates
from edge_fer_convert.errors_by_tensor import TensorError, rank
from edge_fer_convert.graph import WEIGHTED, fusion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer_convert.gate import Gate, Judgement
    from edge_fer_convert.targets import Converter, Files

INSPECTED: Final = 32
"""Images on which the errors of tensors are taken."""


@dataclass(frozen=True)
class Rung:
    """One way of making a target."""

    words: str
    precision: str
    make: Callable[[], Files]
    comparison: bool = False
    """Made to be shown beside the others, not to be taken."""


@dataclass(frozen=True)
class Attempt:
    """A rung, made and judged."""

    rung: Rung
    files: Files
    scores: NDArray[np.float32]
    judgement: Judgement
    refused: str | None
    """Why the gate refused it; None when it passed."""


@dataclass
class Ladder:
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
    watch: Callable[[str], None]
    attempts: list[Attempt] = field(default_factory=list)

    def climb(self, target: str, *, strict: bool) -> Attempt:
        """Return the first attempt that passes. Raises `GateFailed` when *strict* and static int8 does not."""
        runtime, precision = target.split("-")
        for rung in self._rungs(precision):
            if strict and rung.precision != precision:
                break
            self.watch(f"{target}: {rung.words}")
            files = rung.make()
            scores = self.reference if rung.precision == "float32" else self.score(files)
            judgement = gates.judge(scores, self.reference, self.labels)
            attempt = Attempt(rung, files, scores, judgement, self.gate.refuses(judgement))
            self.attempts.append(attempt)
            if attempt.refused is None and not rung.comparison:
                return attempt
        tried = "; ".join(f"{a.rung.words}: {a.refused}" for a in self.attempts if a.refused)
        raise GateFailed(
            f"{runtime}-{precision} does not pass the gate: {tried}; raise --max-drop, leave --strict out to fall back "
            "to other precisions, or calibrate with more images"
        )

    def worst(self) -> list[TensorError]:
        """Return the tensors of the best static attempt, those that add the most error first."""
        best = self._best()
        return self._ranked(best) if best else []

    def _rungs(self, precision: str) -> Iterator[Rung]:
        make = self.converter
        joined = fusion(make.graph())
        beside = f"; {len(joined)} layers that join branches in float" if joined else ""
        if precision == "int8":
            if joined:
                yield Rung(
                    "everything in int8, for comparison",
                    "int8",
                    lambda: make.static(make.methods[0], frozenset()),
                    True,
                )
            for method in make.methods:
                yield Rung(f"static int8, {method}{beside}", "int8", lambda m=method: make.static(m, joined))  # type: ignore[misc]
            yield from self._with_islands(joined, beside)
            if make.has_int16:
                yield Rung(f"activations of 16 bits{beside}", "int16", lambda: make.static(make.methods[0], joined, 16))
        if precision != "float32":
            yield Rung(f"weights of 8 bits, activations in float{beside}", "dynamic", lambda: make.dynamic(joined))
        yield Rung("not quantized", "float32", make.float32)

    def _with_islands(self, joined: frozenset[str], beside: str) -> Iterator[Rung]:
        """Yield rungs that keep ever more of the layers around the worst tensors in float."""
        graph = self.converter.graph()
        best = self._best()
        if best is None:
            return
        method = next(m for m in self.converter.methods if m in best.rung.words)
        worst = [tensor.layer for tensor in self._ranked(best) if tensor.layer not in joined]
        most = sum(layer.kind in WEIGHTED for layer in graph.layers) // 2
        count, before = 1, frozenset[str]()
        while count <= len(worst):
            keep = frozenset[str]().union(*(graph.island(name) for name in worst[:count]))
            if sum(graph.by_name[name].kind in WEIGHTED for name in keep) > most:
                return
            if keep != before:
                words = f"static int8, {method}, {len(keep)} layers around {short(worst[0])} in float{beside}"
                if count > 1:
                    words = (
                        f"static int8, {method}, {len(keep)} layers around the {count} worst tensors in float{beside}"
                    )
                yield Rung(words, "int8", lambda k=keep | joined, m=method: self.converter.static(m, k))  # type: ignore[misc]
            count, before = count * 2, keep

    def _best(self) -> Attempt | None:
        static = [a for a in self.attempts if a.rung.precision == "int8" and not a.rung.comparison]
        return max(static, key=lambda attempt: attempt.judgement.agreement, default=None)

    def _ranked(self, attempt: Attempt) -> list[TensorError]:
        values = self.values[:INSPECTED]
        before = self.converter.tensors(self.converter.float32(), values)
        return rank(self.converter.graph(), before, self.converter.tensors(attempt.files, values))


def short(name: str) -> str:
    """Return what people recognise of a layer's name that a converter has put together."""
    return name.split(";", maxsplit=1)[0].removesuffix("/WithoutBiases")
