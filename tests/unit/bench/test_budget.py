"""Whether what a run recommends keeps a budget."""

from __future__ import annotations

import dataclasses

import pytest

from edge_fer.profile import Budget, Profile
from edge_fer_bench import budget
from edge_fer_bench.recommendation import recommend_target


@pytest.fixture
def best(make):
    """A recommendation with a p90 of 12 ms and starts of 80 and 95 MiB."""
    found = recommend_target(make.run(make.measurement()))
    measurement = found.measurement.model_copy(update={"peak_memory_mb": (80.0, 95.4)})
    return dataclasses.replace(found, measurement=measurement, p90_ms=12.0)


@pytest.mark.parametrize(
    ("p90_ms", "memory_mb", "verdict"), [(12.0, 96, "kept"), (11.9, 96, "exceeded"), (12.0, 95, "exceeded")]
)
def test_time_and_memory_both_count(best, p90_ms, memory_mb, verdict):
    board = Profile(board="small", budget=Budget(p90_ms=p90_ms, memory_mb=memory_mb, temperature_c=80.0))
    expected = f"the budget of small is {verdict}: p90 12.00 of {p90_ms:g} ms a frame, 95 of {memory_mb} MiB"
    assert budget.sentence(best, board) == expected


def test_memory_that_nobody_has_measured_is_left_out(best):
    unknown = dataclasses.replace(best, measurement=best.measurement.model_copy(update={"peak_memory_mb": ()}))
    board = Profile(budget=Budget(p90_ms=66.0, memory_mb=1, temperature_c=80.0))
    assert budget.sentence(unknown, board) == "the budget is kept: p90 12.00 of 66 ms a frame"


def test_without_a_budget_nothing_is_said(best):
    assert budget.sentence(best, Profile()) is None
