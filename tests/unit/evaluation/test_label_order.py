from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="SciPy is not installed: pip install -e '.[eval]'")

from edge_fer.emotions import FER2013
from edge_fer.evaluation.label_order import USUAL, better_order

ALPHABETICAL = tuple(sorted(FER2013))
CONFUSED = np.full((7, 7), 4) + 26 * np.eye(7, dtype=int)
"""Thirty of 54 faces of each class are recognised."""


def test_labels_in_their_order_are_left_alone():
    assert better_order(CONFUSED) is None
    assert better_order(np.zeros((7, 7), int)) is None


@given(st.permutations(range(7)))
def test_any_other_order_is_found(order):
    """Output *n* means the label ``order[n]``."""
    better = better_order(CONFUSED[:, order])
    if list(order) == list(range(7)):
        assert better is None
    else:
        assert better.meant == tuple(order)
        assert better.after == pytest.approx(30 / 54)


def test_the_order_is_said_as_labels_takes_it():
    # A model of the alphabet's order whose outputs were given FER2013's names.
    outputs = [FER2013.index(name) for name in ALPHABETICAL]
    better = better_order(CONFUSED[:, outputs])
    assert better.names(FER2013) == ",".join(ALPHABETICAL)
    assert better.in_words(FER2013).startswith("mean recall 55.6% instead of ")


def test_classes_without_a_face_are_named():
    counts = np.diag([0, 0, 0, 50, 50, 0, 0])[:, [0, 1, 2, 4, 3, 5, 6]]
    better = better_order(counts)
    assert better.meant == (0, 1, 2, 4, 3, 5, 6)
    assert "no face of angry, disgust, fear, surprise, neutral was there to tell" in better.in_words(FER2013)


@pytest.mark.parametrize("images", [2, 12, 50, 500])
def test_no_bad_model_is_taken_for_one_in_another_order(images):
    rng = np.random.default_rng(images)
    for _ in range(50):
        favourite = rng.dirichlet(np.full(7, 0.3))
        at_random = np.stack([rng.multinomial(images, np.full(7, 1 / 7)) for _ in range(7)])
        collapsed = np.stack([rng.multinomial(images, 0.85 * favourite + 0.15 / 7) for _ in range(7)])
        constant = np.zeros((7, 7), int)
        constant[:, rng.integers(7)] = rng.integers(1, images, 7)
        for counts in (at_random, collapsed, constant):
            assert better_order(counts, FER2013) is None


def test_a_model_that_confuses_several_classes_with_one_is_only_bad():
    """Of drawn faces that a model was not trained on: the same wrong answer to all of a class."""
    counts = np.array(
        [[8, 2, 0, 2, 0, 0, 0], [0, 0, 0, 0, 0, 12, 0], [1, 0, 0, 9, 2, 0, 0], [0, 12, 0, 0, 0, 0, 0],
         [0, 11, 0, 0, 1, 0, 0], [0, 6, 0, 0, 0, 6, 0], [0, 0, 0, 0, 1, 0, 11]]
    )  # fmt: skip
    assert better_order(counts, FER2013) is None


def test_a_model_that_favours_one_class_is_seen_through():
    """`compact` answers neutral for half of the sad faces, and is still recognised under the alphabet's names."""
    recalls = np.array(
        [[51, 1, 1, 3, 7, 6, 31], [27, 50, 0, 2, 9, 0, 12], [9, 0, 12, 3, 27, 13, 36], [1, 0, 0, 90, 0, 2, 7],
         [6, 0, 0, 3, 37, 2, 52], [2, 0, 1, 5, 1, 84, 7], [1, 0, 0, 7, 5, 2, 85]]
    )  # fmt: skip
    assert better_order(recalls) is None
    outputs = [FER2013.index(name) for name in ALPHABETICAL]
    assert better_order(recalls[:, outputs]).names(FER2013) == ",".join(ALPHABETICAL)


NEVER_DISGUST = np.array(
    [[38, 0, 2, 11, 26, 6, 17], [48, 0, 7, 7, 22, 4, 12], [14, 0, 5, 11, 25, 18, 27], [3, 0, 1, 82, 4, 2, 8],
     [10, 0, 2, 12, 44, 3, 29], [3, 0, 4, 6, 2, 76, 9], [5, 0, 2, 10, 17, 5, 61]]
)  # fmt: skip
"""The small MobileNetV2 of FER2013, which calls every disgusted face something else."""


@pytest.mark.parametrize("usual", USUAL)
def test_the_usual_orders_are_found_although_one_class_is_never_answered(usual):
    assert better_order(NEVER_DISGUST, FER2013) is None
    order = tuple(name for name in usual if name in FER2013)
    outputs = [order.index(name) for name in FER2013]
    # Outputs of FER2013's order, whose owner takes them for those of *order*.
    better = better_order(NEVER_DISGUST[[FER2013.index(name) for name in order]], order)
    if order == FER2013:
        assert better is None
    else:
        assert better.names(order) == ",".join(FER2013)
        assert better.meant == tuple(outputs)


def test_other_words_for_the_classes_have_the_usual_orders_too():
    words = ("Anger", "Disgusted", "fearful", "Happiness", "Sadness", "Surprise", "Neutral")
    by_alphabet = tuple(sorted(words, key=str.lower))
    rows = [words.index(name) for name in by_alphabet]
    assert better_order(NEVER_DISGUST[rows], by_alphabet).names(by_alphabet) == ",".join(words)


def test_an_eighth_class_that_is_never_answered_hides_no_wrong_order():
    eight = (*FER2013, "contempt")
    counts = np.pad(CONFUSED, ((0, 1), (0, 1)))
    counts[7] = [10, 12, 4, 4, 10, 4, 10, 0]
    assert better_order(counts, eight) is None
    by_alphabet = tuple(sorted(eight))
    better = better_order(counts[[eight.index(name) for name in by_alphabet]], by_alphabet)
    assert better.names(by_alphabet) == ",".join(eight)
