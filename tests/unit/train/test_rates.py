from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer_train.rates import mean_convergence_rate, mean_overfitting_rate

shares = st.lists(st.floats(0, 1), min_size=2, max_size=30)


@given(shares)
def test_the_rate_is_the_mean_of_the_differences(metric):
    differences = [after - before for before, after in pairwise(metric)]
    assert mean_convergence_rate(metric) == pytest.approx(sum(differences) / len(differences), abs=1e-12)


@given(shares)
def test_what_does_as_well_on_both_does_not_overfit(metric):
    assert mean_overfitting_rate(metric, metric) == 0


def test_overfitting_is_how_fast_the_gap_widens():
    assert mean_overfitting_rate([0.4, 0.6, 0.9], [0.4, 0.5, 0.5]) == pytest.approx(0.2)


def test_one_epoch_has_no_rate():
    assert mean_convergence_rate([0.5]) is None
    assert mean_overfitting_rate([], []) is None
