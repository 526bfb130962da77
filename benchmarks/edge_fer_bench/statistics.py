"""What raw values say, derived on reading.

Frames that follow each other are alike: thousands of them are no thousands of witnesses. What is drawn again, and what
is exchanged, is therefore a block of frames: blocks of what is compared take turns, seconds apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Blocks = Sequence[ArrayLike]
    Statistic = Callable[[NDArray[np.float64]], float]

RESAMPLES: Final = 2000
EXCHANGES: Final = 5000
"""Permutations that are drawn where there are more than that; all of them else."""
CONFIDENCE: Final = 0.95


def percentiles(values: ArrayLike) -> tuple[float, float, float]:
    """Return the 50th, 90th and 99th percentile of *values*."""
    p50, p90, p99 = np.percentile(np.asarray(values, np.float64), (50, 90, 99))
    return float(p50), float(p90), float(p99)


def p90(values: ArrayLike) -> float:
    """Return the 90th percentile, the headline of MLPerf's single stream (Reddi et al., ISCA 2020)."""
    return float(np.percentile(np.asarray(values, np.float64), 90))


@dataclass(frozen=True)
class Ratio:
    """A statistic of one run over the same of another, with the interval that holds it in 95 of 100 draws of blocks."""

    value: float
    low: float
    high: float
    p: float
    """Share of the exchanges of blocks between both runs that make as large a difference: chance alone."""


def block_ratio(before: Blocks, after: Blocks, statistic: Statistic = p90, seed: int = 0) -> Ratio:
    """Return *statistic* of *after* over that of *before*, blocks of milliseconds each."""
    rng = np.random.default_rng(seed)
    first, second = (np.array([statistic(np.asarray(block, np.float64)) for block in run]) for run in (before, after))
    draws = [np.median(_redrawn(run, rng), axis=1) for run in (first, second)]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws[1] / draws[0], (tail, 1 - tail))
    return Ratio(float(np.median(second) / np.median(first)), float(low), float(high), _exchanged(first, second, rng))


def interval(blocks: Blocks, statistic: Statistic = p90, seed: int = 0) -> tuple[float, float]:
    """Return the interval that holds the median of *statistic* over the *blocks* in 95 of 100 draws of them."""
    each = np.array([statistic(np.asarray(block, np.float64)) for block in blocks])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.median(_redrawn(each, np.random.default_rng(seed)), axis=1), (tail, 1 - tail))
    return float(low), float(high)


def _redrawn(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(rng.choice(values, (RESAMPLES, len(values))))


def _exchanged(first: NDArray[np.float64], second: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Return the two-sided p of a permutation test on the difference of mean logarithms."""
    pooled, count = np.log(np.concatenate([first, second])), len(first)
    if len(pooled) == 2:
        return 1.0
    total = pooled.sum()
    seen = abs(_difference(pooled[:count].sum(), total, count, len(pooled)))
    if math.comb(len(pooled), count) <= EXCHANGES:
        sums = np.array([pooled[list(chosen)].sum() for chosen in combinations(range(len(pooled)), count)])
        return float((np.abs(_difference(sums, total, count, len(pooled))) >= seen - 1e-12).mean())
    sums = rng.permuted(np.tile(pooled, (EXCHANGES, 1)), axis=1)[:, :count].sum(axis=1)
    as_large = int((np.abs(_difference(sums, total, count, len(pooled))) >= seen - 1e-12).sum())
    return (as_large + 1) / (EXCHANGES + 1)  # the exchange that was measured is one of them


def _difference(part: Any, total: float, count: int, whole: int) -> Any:
    return part / count - (total - part) / (whole - count)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return *p_values* adjusted for how many there are (Holm, 1979), each in its place."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(order))
    worst = 0.0
    for rank, at in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * p_values[at]))
        adjusted[at] = worst
    return [float(p) for p in adjusted]
