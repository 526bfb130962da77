from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer_bench.statistics import block_ratio, holm, mean, p90, percentiles


def blocks(seed, factor=1.0, count=10, frames=40, wander=0.02):
    """Blocks of frames, each block faster or slower by a few percent of its own."""
    rng = np.random.default_rng(seed)
    return [factor * np.exp(rng.normal(0, wander)) * rng.gamma(40, 0.1, frames) for _ in range(count)]


def test_percentiles_are_those_of_the_values():
    assert percentiles(range(101)) == (50, 90, 99)
    assert p90([5.0]) == 5
    assert mean([1, 2]) == 1.5


def test_a_slowdown_is_found_and_its_size_lies_in_the_interval():
    ratio = block_ratio(blocks(1), blocks(2, 1.15))
    assert ratio.low <= 1.15 <= ratio.high
    assert ratio.p < 0.001


def test_equal_runs_differ_no_more_often_than_p_says():
    p_values = [block_ratio(blocks(2 * n), blocks(2 * n + 1), seed=n).p for n in range(100)]
    assert sum(p < 0.05 for p in p_values) <= 12


def test_all_permutations_of_few_blocks_are_tried():
    """Of the 20 ways to divide 6 blocks into 3 and 3, two separate the low from the high ones: p is 2 / 20."""
    assert block_ratio([[1.0], [1.1], [1.2]], [[2.0], [2.1], [2.2]]).p == pytest.approx(0.1)


def test_one_block_each_proves_nothing():
    assert block_ratio([[1.0]], [[9.0]]).p == 1


@pytest.mark.parametrize("statistic", [p90, mean])
def test_the_interval_of_a_ratio_contains_the_ratio_of_the_medians(statistic):
    before = blocks(3)
    after = blocks(4, 1.1)
    medians = [np.median([statistic(block) for block in run]) for run in (before, after)]
    ratio = block_ratio(before, after, statistic)
    assert ratio.value == pytest.approx(medians[1] / medians[0])
    assert ratio.low <= ratio.value <= ratio.high


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_makes_a_p_smaller_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    assert [adjusted[n] for n in np.argsort(p_values, kind="stable")] == sorted(adjusted)


def test_holm_is_that_of_the_textbook():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
