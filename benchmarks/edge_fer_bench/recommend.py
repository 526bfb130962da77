"""What to use on this board, and whether int8 is worth it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer_bench.statistics import Ratio, compare, p90

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_fer_bench.results import Cell, Run

ACCURACY_LOSS: Final = 0.01
"""How far below the most accurate one a target may be."""
AS_FAST: Final = 1.03
"""Up to so much slower, fewer threads are the better choice: they leave the other cores alone."""


@dataclass(frozen=True)
class Recommendation:
    """The best cell of a run."""

    cell: Cell
    p90_ms: float
    int8: Cell | None
    float32: Cell | None
    gain: Ratio | None
    """float32's mean frame over int8's, each the fastest of its kind and of one bundle: above 1 int8 is faster."""

    def sentences(self) -> list[str]:
        """Return it in words."""
        cell, worth = self.cell, self.cell.accuracy
        judged = f", accuracy {worth.accuracy:.2%} on {worth.data}" if worth else ""
        threads = f"{cell.threads} thread{'s' if cell.threads > 1 else ''}"
        first = (
            f"on this device use {cell.bundle} {cell.target} with {threads}: p90 {self.p90_ms:.2f} ms a frame{judged}"
        )
        return [first, *([f"int8 is {self._worth(self.gain)}"] if self.gain else [])]

    def _worth(self, gain: Ratio) -> str:
        another = f" ({self.int8.bundle})" if self.int8 and self.int8.bundle != self.cell.bundle else ""
        span = f"{gain.value:.2f}x [{gain.low:.2f}, {gain.high:.2f}] the frames a second of float32{another}"
        if gain.low > 1:
            return f"worth it here: {span}"
        if gain.high < 1:
            return f"not worth it here: {span}"
        return f"no faster and no slower here: {span}; it is smaller"


def recommend(run: Run) -> Recommendation | None:
    """Return the fastest cell of edge-fer's that answers right; None when there is none."""
    sound = [
        cell
        for cell in run.cells
        if cell.kind == "edge-fer" and cell.free and not cell.failed and (cell.golden is None or cell.golden.passed)
    ]
    able = _accurate(sound)
    if not able:
        return None
    fastest = min(p90(cell.frames_ms()) for cell in able)
    near = [cell for cell in able if p90(cell.frames_ms()) <= AS_FAST * fastest]
    chosen = min(near, key=lambda cell: (cell.threads, p90(cell.frames_ms())))
    int8, float32 = _pair(sound, chosen.bundle)
    gain = None
    if int8 and float32:
        gain = compare([b.frame_ms for b in int8.free], [b.frame_ms for b in float32.free], lambda v: float(v.mean()))
    return Recommendation(chosen, p90(chosen.frames_ms()), int8, float32, gain)


def _accurate(cells: Sequence[Cell]) -> list[Cell]:
    """Leave out those that are known to answer less well than the best of *cells*."""
    best = max((cell.accuracy.accuracy for cell in cells if cell.accuracy), default=0.0)
    return [cell for cell in cells if cell.accuracy is None or cell.accuracy.accuracy >= best - ACCURACY_LOSS]


def _pair(cells: Sequence[Cell], preferred: str) -> tuple[Cell | None, Cell | None]:
    """Return the fastest int8 and float32 cell of the *preferred* bundle, or of another where it has not both."""
    for bundle in dict.fromkeys([preferred, *(cell.bundle for cell in cells)]):
        same = _accurate([cell for cell in cells if cell.bundle == bundle])
        int8, float32 = (_fastest(cell for cell in same if cell.target.endswith(f"-{p}")) for p in ("int8", "float32"))
        if int8 and float32:
            return int8, float32
    return None, None


def _fastest(cells: Iterable[Cell]) -> Cell | None:
    return min(cells, key=lambda cell: p90(cell.frames_ms()), default=None)
