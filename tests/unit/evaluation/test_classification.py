from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: pip install -e '.[eval]'")

from edge_fer.errors import BadInput  # noqa: E402
from edge_fer.evaluation.classification import evaluate, evaluate_subset  # noqa: E402
from edge_fer.evaluation.metrics import macro_f1  # noqa: E402

NAMES = ("a", "b", "c")
PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def without_scores(predicted) -> np.ndarray:
    return np.eye(3)[np.array(predicted)]


@given(PAIRS)
def test_figures_agree_with_scikit_learns(pairs):
    """There is one macro-F1: scikit-learn's, the mean over the classes that occur in labels or predictions."""
    labels, predicted = np.array(pairs).T
    report = evaluate(without_scores(predicted), labels, NAMES)
    assert report.accuracy == pytest.approx((labels == predicted).mean())
    assert np.sum(report.confusion) == len(pairs)
    expected = metrics.f1_score(labels, predicted, average="macro", zero_division=0)
    assert macro_f1(predicted, labels, 3) == pytest.approx(expected)
    assert report.mean("f1") == pytest.approx(expected)
    assert report.mean("recall", weighted=True) == pytest.approx(report.accuracy)


def test_a_perfect_classifier_has_perfect_figures_and_its_calibration_error():
    labels = np.array([0, 1, 2, 2])
    report = evaluate(np.eye(3)[labels] * 0.98 + 0.01 / 1.5, labels, NAMES)
    assert [entry.average_precision for entry in report.classes] == [1, 1, 1]
    assert report.mean("f1") == 1
    assert report.calibration_error == pytest.approx(1 - 0.98 - 0.01 / 1.5)


def test_answers_without_scores_have_no_average_precision():
    report = evaluate(without_scores([0, 1, 1]), np.array([0, 1, 2]), NAMES)
    assert report.mean("average_precision") is None
    assert report.reliability == ()
    assert report.calibration_error is None


def test_a_class_that_does_not_occur_does_not_count():
    report = evaluate(without_scores([0, 1]), np.array([0, 1]), NAMES)
    assert report.mean("recall") == 1
    assert report.classes[2].images == 0


def test_reliability_shows_overconfidence():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    right = rng.random(3000) < 0.6
    scores = np.full((3000, 3), 0.05)
    scores[np.arange(3000), np.where(right, labels, (labels + 1) % 3)] = 0.9
    report = evaluate(scores, labels, NAMES)
    assert report.calibration_error == pytest.approx(0.3, abs=0.04)
    assert len(report.reliability) == 1


def test_the_json_has_every_mean():
    report = evaluate(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]), np.array([0, 0]), NAMES).as_dict()
    means = [f"{kind}_{name}" for kind in ("macro", "weighted") for name in ("precision", "recall", "f1")]
    assert {name: report[name] for name in means} == pytest.approx(
        {
            "macro_precision": 0.5, "macro_recall": 0.25, "macro_f1": 1 / 3,
            "weighted_precision": 1.0, "weighted_recall": 0.5, "weighted_f1": 2 / 3,
        }
    )  # fmt: skip
    assert report["calibration_error"] == pytest.approx(0.3 / 2 + 0.8 / 2)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [(np.zeros((2, 2)), [0, 1]), (np.zeros((2, 3)), [0, -1]), (np.zeros((0, 3)), [])],
    ids=["too few classes", "a face without a label", "no faces"],
)
def test_what_cannot_be_evaluated_is_refused(scores, labels):
    with pytest.raises(BadInput, match=r"scores are|have no labels"):
        evaluate(scores, np.array(labels, np.int64), NAMES)


def test_a_subset_is_evaluated_on_its_own():
    scores = without_scores([0, 1, 2, 2])
    labels = np.array([0, 1, 2, 0])
    subset = np.array([True, False, False, True])
    assert evaluate_subset(scores, labels, NAMES, subset) == evaluate(scores[[0, 3]], labels[[0, 3]], NAMES)


@pytest.mark.parametrize("subset", [None, np.zeros(2, np.bool_)], ids=["none given", "empty"])
def test_without_faces_in_it_a_subset_has_no_report(subset):
    assert evaluate_subset(without_scores([0, 1]), np.array([0, 1]), NAMES, subset) is None
