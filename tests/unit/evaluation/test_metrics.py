from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.evaluation.metrics import accuracy, bracketed, confusion, interval, macro_f1, mean_f1

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50)


@given(PAIRS)
def test_confusion_counts_every_pair(pairs):
    predicted, true = np.array(pairs).T
    counts = confusion(predicted, true, 4)
    assert counts.sum() == len(pairs)
    assert np.trace(counts) / len(pairs) == pytest.approx(accuracy(predicted, true))


def test_confusion_has_a_row_for_each_true_class():
    assert confusion(np.array([1]), np.array([0]), 2).tolist() == [[0, 1], [0, 0]]


@given(PAIRS)
def test_macro_f1_is_the_mean_of_each_class_that_occurs(pairs):
    predicted, true = np.array(pairs).T
    expected = []
    for label in range(4):
        hit = int(((predicted == label) & (true == label)).sum())
        wrong = int(((predicted == label) != (true == label)).sum())
        if hit or wrong:
            expected.append(2 * hit / (2 * hit + wrong))
    assert macro_f1(predicted, true, 4) == pytest.approx(float(np.mean(expected)))


def test_mean_f1_takes_many_rows_of_counts_at_once():
    hits = np.array([[2, 0], [1, 1], [0, 0]])
    occurrences = np.array([[4, 0], [2, 4], [0, 0]])
    assert mean_f1(hits, occurrences).tolist() == [1.0, 0.75, 0.0]


def test_an_interval_is_wilsons():
    """Newcombe, Statistics in Medicine 1998, Table I, method 3: 81 of 263, and 0 of 20."""
    assert interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images))))
def test_an_interval_holds_its_share_and_stays_a_share(counts):
    right, images = counts
    low, high = interval(right / images, images)
    assert 0 <= low <= right / images + 1e-12
    assert right / images - 1e-12 <= high <= 1


def test_an_interval_is_printed_in_per_cent():
    assert bracketed(0.65, 3589) == "[63.4, 66.5]"
    assert bracketed(None, 10) == bracketed(0.5, 0) == ""
