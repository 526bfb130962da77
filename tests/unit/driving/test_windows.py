from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.driving.policy.windows import Stretch, Window, leaving, passed

PARTS = st.lists(st.tuples(st.floats(0.01, 5), st.sampled_from([True, False, None])), min_size=1, max_size=30)


def filled(parts, most_s=10.0):
    window = Window()
    for length_s, on in parts:
        window = passed(window, on, length_s, most_s)
    return window


@given(PARTS)
def test_it_holds_the_last_seconds(parts):
    window = filled(parts)
    newest_first = [on for length_s, on in reversed(parts) for _ in range(round(length_s * 1000))][:10_000]
    assert window.length_s == pytest.approx(min(10.0, sum(length_s for length_s, _ in parts)))
    assert window.on_s == pytest.approx(newest_first.count(True) / 1000, abs=0.05)
    assert window.known_s == pytest.approx(10 - newest_first.count(None) / 1000, abs=0.05) or window.length_s < 9.9


@given(PARTS)
def test_neighbours_differ(parts):
    stretches = filled(parts).stretches
    assert all(one.on is not other.on for one, other in pairwise(stretches))


def test_what_leaves_next():
    assert leaving(filled([(4.0, True)]), 10.0) == Stretch(6.0, None)
    assert leaving(filled([(4.0, True), (8.0, False)]), 10.0) == Stretch(2.0, True)


def test_rounding_leaves_no_rests():
    window = filled([(0.1, True), (0.2, False)] * 1000)
    assert all(stretch.length_s > 1e-9 for stretch in window.stretches)
    assert len(window.stretches) < 70
