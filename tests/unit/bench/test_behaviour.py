from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer_bench.behaviour import summarize_states
from edge_fer_bench.results import Behaviour


def test_changes_delays_and_errors_are_counted():
    summary = summarize_states(
        Behaviour(
            seconds=60.0,
            truth=((0.0, "happy"), (20.0, "sad"), (40.0, "angry")),
            states=((0.0, "unknown"), (1.0, "happy"), (21.5, "fear"), (22.0, "sad"), (45.0, "unknown")),
        )
    )
    assert (summary.changes_a_minute, summary.shown_a_minute, summary.false_a_minute) == (4.0, 2.0, 1.0)
    assert summary.detected_s == (1.0, 2.0)
    assert summary.missed == 1
    assert summary.unknown == pytest.approx(16 / 60)


def test_a_state_that_began_early_is_detected_at_once():
    behaviour = Behaviour(
        seconds=9.0, truth=((0.0, "sad"), (5.0, "happy")), states=((0.0, "sad"), (4.0, "happy"))
    )  # fmt: skip
    summary = summarize_states(behaviour)
    assert summary.detected_s == (0.0, 0.0)
    assert summary.false_a_minute == pytest.approx(60 / 9)  # happy came before it was shown


@st.composite
def changes(draw, labels):
    """Times and labels of at most seven changes within ten seconds, no two neighbours with the same label."""
    times_s = sorted(draw(st.lists(st.floats(0.1, 9.9), max_size=6, unique=True)))
    drawn = []
    for time_s in [0.0, *times_s]:
        label = draw(st.sampled_from(labels))
        if not drawn or drawn[-1][1] != label:
            drawn.append((time_s, label))
    return tuple(drawn)


@given(changes(("a", "b", "")), changes(("a", "b", "unknown", "")))
def test_every_label_shown_is_detected_or_missed(truth, states):
    summary = summarize_states(Behaviour(seconds=10.0, truth=truth, states=states))
    assert len(summary.detected_s) + summary.missed == sum(label != "" for _, label in truth)
    assert all(0 <= delay <= 10 for delay in summary.detected_s)
    assert 0 <= summary.unknown <= 1


def test_states_equal_to_the_truth_have_no_fault():
    changes_ = ((0.0, "a"), (3.0, "b"))
    summary = summarize_states(Behaviour(seconds=6.0, truth=changes_, states=changes_))
    assert (summary.false_a_minute, summary.missed, summary.unknown, summary.detected_s) == (0, 0, 0, (0, 0))
