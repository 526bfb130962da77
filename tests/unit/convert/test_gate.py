from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="SciPy is not installed: pip install -e '.[convert]'")

from edge_fer.emotions import FER2013
from edge_fer.evaluation.metrics import accuracy, confusion, macro_f1
from edge_fer.evaluation.votes import VOTES, FerPlusVotes
from edge_fer_convert.gate import Drop, Gate, QuantizationComparison, compare_with_float32

ANSWERS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def scores(predicted):
    return np.eye(4, dtype=np.float32)[np.asarray(predicted)]


@given(ANSWERS)
def test_drops_are_differences_and_intervals_are_in_order(answers):
    labels, before, after = (np.array(column) for column in zip(*answers, strict=True))
    compared = compare_with_float32(scores(after), scores(before), labels)
    assert compared.drop.points == pytest.approx(100 * (accuracy(before, labels) - accuracy(after, labels)))
    assert compared.f1_drop.points == pytest.approx(100 * (macro_f1(before, labels, 4) - macro_f1(after, labels, 4)))
    for drop in (compared.drop, compared.f1_drop):
        assert drop.low <= drop.high
    assert np.array_equal(compared.before, confusion(before, labels, 4))
    assert np.array_equal(compared.after, confusion(after, labels, 4))
    assert compared.agreement == pytest.approx(float((before == after).mean()))


def test_equal_answers_lose_nothing_in_any_draw():
    labels = np.arange(100) % 4
    compared = compare_with_float32(scores(labels), scores(labels), labels)
    assert compared.drop == compared.f1_drop == Drop(0.0, 0.0, 0.0)
    assert compared.recall_deltas() == [0.0] * 4


def test_the_interval_is_the_bootstraps():
    """Against drawing images one by one, the slow way."""
    rng = np.random.default_rng(0)
    labels, before, after = (rng.integers(0, 4, 300) for _ in range(3))
    compared = compare_with_float32(scores(after), scores(before), labels, seed=1)
    drawn = rng.integers(0, 300, (4000, 300))
    drops = 100 * ((before == labels)[drawn].mean(axis=1) - (after == labels)[drawn].mean(axis=1))
    f1s = [100 * (macro_f1(before[d], labels[d], 4) - macro_f1(after[d], labels[d], 4)) for d in drawn[:1000]]
    assert (compared.drop.low, compared.drop.high) == pytest.approx(np.quantile(drops, (0.025, 0.975)), abs=0.6)
    assert (compared.f1_drop.low, compared.f1_drop.high) == pytest.approx(np.quantile(f1s, (0.025, 0.975)), abs=0.8)


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(0)
    labels, before, after = (rng.integers(0, 4, 300) for _ in range(3))
    first, again, other = (compare_with_float32(scores(after), scores(before), labels, seed) for seed in (1, 1, 2))
    assert first == again != other


def comparison(drop=0.0, f1=0.0, agreement=1.0):
    return QuantizationComparison(100, agreement, 0.6, 0.6, Drop(drop, drop, drop), Drop(f1, f1, f1))


@pytest.mark.parametrize(
    ("compared", "refused"),
    [
        (comparison(0.5, 0.5), None),
        (comparison(-3, -3), None),
        (comparison(0.51, 0), "0.51 points of accuracy, 0.5 are allowed"),
        (comparison(0, 0.51), "0.51 points of macro-F1, 0.5 are allowed"),
        (comparison(1, 2), "accuracy, 0.5 are allowed and loses 2.00"),
        (comparison(0, 0, agreement=0.9), None),
        (comparison(0, 0, agreement=0.41), "agrees on 41.00% of the images, 90.00% are wanted"),
        (comparison(100 * (0.66 - 0.655), 0), None),  # a little more than 0.5 in floats
        (replace(comparison(), votes_drop=0.5), None),
        (replace(comparison(), votes_drop=0.51), "0.51 points of accuracy by FER+ votes, 0.5 are allowed"),
        (QuantizationComparison(100, 0.96), None),
        (QuantizationComparison(100, 0.9599), "agrees on 95.99%"),
    ],
)
def test_a_target_passes_when_it_loses_no_more_than_allowed(compared, refused):
    reason = Gate().refuses(compared)
    assert (reason is None) if refused is None else (refused in reason)


def test_an_agreement_of_your_own_holds_with_and_without_labels():
    strict = Gate(min_agreement=0.99)
    assert "98.00% of the images, 99.00% are wanted" in strict.refuses(comparison(agreement=0.98))
    assert "98.00% of the images, 99.00% are wanted" in strict.refuses(QuantizationComparison(100, 0.98))


@pytest.mark.parametrize(
    ("images", "low", "high", "said"),
    [
        (3589, -0.5, 0.6, None),
        (600, -1.1, 1.1, "600 evaluation images are too few to tell a drop of 0.5 points: it is +0.00 [-1.10, +1.10]"),
        (300, 0, 0, None),
        (100, 0, 0, "known to ±3.0 points"),  # nothing to draw from
    ],
)
def test_too_few_images_for_the_gate_are_said_with_the_interval(images, low, high, said):
    compared = replace(comparison(), images=images, drop=Drop(0.0, low, high))
    words = Gate().blind_to(compared)
    assert words is None if said is None else said in words
    assert Gate(max_drop=3).blind_to(compared) is None


def test_accuracy_by_votes_is_compared_on_the_images_with_a_majority():
    counts = np.zeros((3, 10), np.float32)
    counts[:2, VOTES.index("anger")] = 10  # nobody voted on the third image
    right, wrong = np.eye(7, dtype=np.float32)[[FER2013.index("angry"), FER2013.index("sad")]]
    reference = np.stack([right, right, wrong])
    scores = np.stack([right, wrong, right])
    labels = np.zeros(3, np.int64)
    assert compare_with_float32(scores, reference, labels, votes=FerPlusVotes(counts)).votes_drop == 50
    assert compare_with_float32(scores, reference, labels).votes_drop is None
