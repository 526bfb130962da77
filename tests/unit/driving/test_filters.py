from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.driving.policy.filters import Filter, Tuning, passed, until_switch

TUNING = Tuning(0.25, on=0.63, off=0.37)


def test_it_switches_after_its_lag():
    assert TUNING.lag_s == pytest.approx(0.25 * math.log(1 / 0.37))
    assert until_switch(Filter(), True, TUNING) == pytest.approx(TUNING.lag_s)
    assert passed(Filter(), True, TUNING, TUNING.lag_s).on
    assert not passed(Filter(), True, TUNING, TUNING.lag_s - 0.001).on


def test_between_its_thresholds_it_says_what_it_said():
    assert passed(Filter(0.9, on=True), False, TUNING, 0.1).on
    assert not passed(Filter(0.1, on=False), True, TUNING, 0.1).on


def test_what_is_not_known_changes_nothing():
    assert passed(Filter(0.5, on=True), None, TUNING, 9.0) == Filter(0.5, on=True)
    assert until_switch(Filter(0.5, on=True), None, TUNING) == math.inf


@given(st.floats(0, 1), st.booleans(), st.floats(0.001, 2), st.floats(0.001, 2))
def test_it_does_not_matter_how_time_is_cut(level, says, first_s, second_s):
    begin = Filter(level, on=level >= 0.5)
    at_once = passed(begin, says, TUNING, first_s + second_s)
    in_two = passed(passed(begin, says, TUNING, first_s), says, TUNING, second_s)
    assert in_two.level == pytest.approx(at_once.level)


@given(st.floats(0.38, 0.62), st.booleans(), st.booleans())
def test_it_switches_when_it_says_that_it_will(level, on, says):
    begin = Filter(level, on)
    after_s = until_switch(begin, says, TUNING)
    if on == says:
        assert after_s == math.inf
    else:
        assert passed(begin, says, TUNING, after_s).on is says
