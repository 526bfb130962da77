from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.emotions import UNKNOWN
from edge_fer.errors import BadInput
from edge_fer.smoothing import Smoother, Smoothing

LABELS = ("a", "b", "c")


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


SURE_A, SURE_B, TORN = scores(0.9, 0.05, 0.05), scores(0.05, 0.9, 0.05), scores(0.34, 0.33, 0.33)


def test_the_first_scores_count_in_full():
    assert Smoother(LABELS).update(SURE_A, 5.0)[0] == "a"
    assert Smoother(LABELS).update(TORN, 5.0)[0] == UNKNOWN


def test_a_single_odd_frame_changes_nothing():
    smoother = Smoother(LABELS)
    for step in range(30):
        smoother.update(SURE_A, step / 30)
    assert smoother.update(SURE_B, 1.0)[0] == "a"


@pytest.mark.parametrize("fps", [5, 30, 200])
def test_a_change_takes_the_same_time_at_every_frame_rate(fps):
    smoother = Smoother(LABELS, Smoothing(time_constant_s=0.4))
    smoother.update(SURE_A, 0.0)
    step = 0
    while smoother.state != "b":
        step += 1
        smoother.update(SURE_B, step / fps)
    # 0.9 - 0.85 * exp(-t / 0.4) leads by the margin of 0.1 after 0.33 s.
    assert 0.25 <= step / fps <= 0.33 + 1 / fps


def test_without_a_time_constant_the_newest_frame_decides():
    smoother = Smoother(LABELS, Smoothing(time_constant_s=0.0))
    smoother.update(SURE_A, 0.0)
    assert smoother.update(SURE_B, 0.0)[0] == "b"


def test_a_label_holds_against_one_that_leads_by_less_than_the_margin():
    smoother = Smoother(LABELS, Smoothing(time_constant_s=0.0, enter=0.4, margin=0.1))
    smoother.update(scores(0.5, 0.4, 0.1), 0.0)
    assert smoother.update(scores(0.44, 0.46, 0.1), 1.0)[0] == "a"
    assert smoother.update(scores(0.36, 0.52, 0.12), 2.0)[0] == "b"


def test_between_enter_and_leave_a_state_stays_but_does_not_begin():
    middling = scores(0.40, 0.30, 0.30)
    instant = Smoothing(time_constant_s=0.0, enter=0.45, leave=0.35)
    assert Smoother(LABELS, instant).update(middling, 0.0)[0] == UNKNOWN
    held = Smoother(LABELS, instant)
    held.update(SURE_A, 0.0)
    assert held.update(middling, 1.0)[0] == "a"
    assert held.update(TORN, 2.0)[0] == UNKNOWN


def test_a_clock_that_jumps_back_counts_as_the_same_moment():
    smoother = Smoother(LABELS)
    smoother.update(SURE_A, 100.0)
    _, mean = smoother.update(SURE_B, 3.0)
    assert np.array_equal(mean, SURE_A)


def test_a_frame_counts_as_much_as_it_is_trusted():
    means = {}
    for trust in (0.0, 0.3, 1.0):
        smoother = Smoother(LABELS)
        smoother.update(SURE_A, 0.0)
        means[trust] = smoother.update(SURE_B, 0.2, trust)[1].copy()
    assert np.array_equal(means[0.0], SURE_A)
    assert means[0.3] == pytest.approx(SURE_A + 0.3 * (means[1.0] - SURE_A), abs=1e-6)


def test_the_first_scores_count_in_full_however_little_they_are_trusted():
    assert np.array_equal(Smoother(LABELS).update(SURE_A, 0.0, 0.1)[1], SURE_A)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 10))
def test_less_trust_never_moves_the_mean_further(one, other, pause_s):
    moved = []
    for trust in sorted((one, other)):
        smoother = Smoother(LABELS)
        smoother.update(SURE_A, 0.0)
        moved.append(np.abs(smoother.update(SURE_B, pause_s, trust)[1] - SURE_A).max())
    assert moved[0] <= moved[1] + 1e-6


@given(
    st.lists(
        st.tuples(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), st.floats(0, 1e6), st.floats(0, 1)),
        min_size=1,
    )
)
def test_the_mean_stays_within_what_was_seen(samples):
    smoother = Smoother(LABELS)
    seen = np.array([values for values, _, _ in samples], np.float32)
    for values, time_s, trust in samples:
        state, mean = smoother.update(np.array(values, np.float32), time_s, trust)
        assert state in (*LABELS, UNKNOWN)
    assert (mean >= seen.min(axis=0) - 1e-5).all()
    assert (mean <= seen.max(axis=0) + 1e-5).all()


@pytest.mark.parametrize("bad", [scores(0.5, np.nan, 0.5), scores(0.5, 0.5), scores(np.inf, 0, 0)])
def test_scores_of_another_shape_or_not_finite_are_refused(bad):
    with pytest.raises(BadInput, match="scores"):
        Smoother(LABELS).update(bad, 0.0)


@pytest.mark.parametrize(
    "values",
    [{"time_constant_s": -1.0}, {"time_constant_s": np.nan}, {"enter": 0.2}, {"margin": 2.0}, {"enter": 1.5}],
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(BadInput):
        Smoothing(**values)
