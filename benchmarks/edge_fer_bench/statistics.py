"""Statistics that are derived from raw values on reading.

Neighbouring frames are alike, so thousands of frames are not thousands of independent observations. Resampling and
permutation therefore work on blocks of frames. Blocks of all candidates take turns and lie seconds apart, which makes
them close to independent.
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
"""Bootstrap samples of the blocks."""
PERMUTATIONS: Final = 5000
"""Random permutations; if there are no more than this in all, each is tried once."""
CONFIDENCE: Final = 0.95
ROUNDING: Final = 1e-12
"""Sums of the same numbers in another order differ by this much; they count as equal."""


def percentiles(values: ArrayLike) -> tuple[float, float, float]:
    """Return the 50th, 90th and 99th percentile of *values*."""
    p50, p90, p99 = np.percentile(np.asarray(values, np.float64), (50, 90, 99))
    return float(p50), float(p90), float(p99)


def p90(values: ArrayLike) -> float:
    """Return the 90th percentile, the headline figure of MLPerf's single stream (Reddi et al., ISCA 2020)."""
    return float(np.percentile(np.asarray(values, np.float64), 90))


def mean(values: ArrayLike) -> float:
    """Return the mean of *values*."""
    return float(np.mean(np.asarray(values, np.float64)))


@dataclass(frozen=True)
class Ratio:
    """A statistic of one run divided by the same statistic of another, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided p-value of a permutation test: the probability of as large a difference by chance alone."""


def block_ratio(before: Blocks, after: Blocks, statistic: Statistic = p90, seed: int = 0) -> Ratio:
    """Return *statistic* of *after* divided by *statistic* of *before*, both blocks of milliseconds.

    The statistic is computed for each block; a run's value is the median over its blocks.
    """
    rng = np.random.default_rng(seed)
    first = _of_each_block(before, statistic)
    second = _of_each_block(after, statistic)
    # Both runs are resampled: each of them is one outcome of many possible ones.
    # In this order: the draws come from one generator, and results must not change with the code.
    first_medians = _resampled_medians(first, rng)
    second_medians = _resampled_medians(second, rng)
    low, high = _confidence_interval(second_medians / first_medians)
    value = float(np.median(second) / np.median(first))
    return Ratio(value, low, high, _permutation_p(first, second, rng))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return *p_values* adjusted for how many there are (Holm, 1979), in their order."""
    # Holm and not Bonferroni: as safe, and it finds more.
    order = np.argsort(p_values)
    adjusted = np.empty(len(order))
    largest = 0.0
    for rank, index in enumerate(order):
        # The smallest of n is multiplied by n, the next by n - 1, and so on; none may come out below an earlier one.
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    values: list[float] = adjusted.tolist()
    return values


def _of_each_block(blocks: Blocks, statistic: Statistic) -> NDArray[np.float64]:
    return np.array([statistic(np.asarray(block, np.float64)) for block in blocks])


def _resampled_medians(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the median of each of `RESAMPLES` samples of *values*, drawn with replacement."""
    samples = rng.choice(values, (RESAMPLES, len(values)))
    return np.asarray(np.median(samples, axis=1))


def _confidence_interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return float(low), float(high)


def _permutation_p(first: NDArray[np.float64], second: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Return the two-sided p-value of a permutation test on the difference of the mean logarithms."""
    # Logarithms, since a slowdown multiplies: twice as fast and twice as slow are then equally far apart.
    pooled = np.log(np.concatenate([first, second]))
    whole = len(pooled)
    count = len(first)
    if whole == 2:
        return 1.0  # one block each: nothing is known of the variation between blocks
    total = pooled.sum()
    difference = _mean_difference(pooled[:count].sum(), total, count, whole)
    observed = abs(difference) - ROUNDING
    if math.comb(whole, count) <= PERMUTATIONS:
        # With so few blocks every way to divide them can be tried, and p is exact.
        choices = np.array(list(combinations(range(whole), count)))  # (choices, count), indices of pooled
        sums = pooled[choices].sum(axis=1)
        as_large = np.abs(_mean_difference(sums, total, count, whole)) >= observed
        return float(as_large.mean())
    # All shuffles at once, one per row, since a comparison of two runs does this a hundred times.
    shuffled = rng.permuted(np.tile(pooled, (PERMUTATIONS, 1)), axis=1)
    sums = shuffled[:, :count].sum(axis=1)
    as_large = np.abs(_mean_difference(sums, total, count, whole)) >= observed
    # The observed arrangement is one of the possible ones, so p is never zero (Phipson and Smyth, 2010).
    return (int(as_large.sum()) + 1) / (PERMUTATIONS + 1)


def _mean_difference(part: Any, total: float, count: int, whole: int) -> Any:
    """Return the mean of *count* values that sum to *part* minus the mean of the rest of the *whole*."""
    return part / count - (total - part) / (whole - count)
