"""Which contract is found, from how many faces, with a model whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.preprocess import Preprocess
from edge_fer_convert.contract.answers import Answers
from edge_fer_convert.contract.candidates import Contract
from edge_fer_convert.contract.search import ROUNDS, search

SPEC = Preprocess(size_px=8, equalize=False)
CLASSES = 4


class Model:
    """Knows *share* of the faces when white is *white*, *otherwise* of them when not; the first class is the rest."""

    classes = CLASSES

    def __init__(self, white: float, share: float = 1.0, otherwise: float = 0.0):
        self.white = white
        self.share = share
        self.otherwise = otherwise
        self.asked = 0

    def scores(self, values):
        self.asked += len(values)
        white, black = values[:, 0, 0, 0], values[:, 0, 1, 0]
        span = np.maximum(white - black, 1e-6)  # nothing of a face that is cut tighter
        pixels = np.rint((values[:, 0, :, 0] - black[:, None]) / span[:, None] * 255)
        right = np.isclose(white, self.white) & np.isclose(black, 0)
        known = pixels[:, 3] < np.where(right, self.share, self.otherwise) * 255
        return np.eye(CLASSES)[np.where(known, np.clip(pixels[:, 2], 0, CLASSES - 1), 0).astype(int)]


def faces(count: int):
    labels = np.arange(count) % CLASSES
    images = np.zeros((count, 8, 8), np.uint8)
    # White, black, the class, and a number that decides whether the face is known.
    images[:, 0, 0] = 255
    images[:, 0, 2] = labels
    images[:, 0, 3] = np.random.default_rng(0).integers(0, 256, count)
    return LabelledFaces(images, labels, tuple(map(str, range(count))), tuple("abcd")), labels


def found(model, count=400, low=0.0, high=1.0):
    given = Contract("", SPEC.model_copy(update={"low": low, "high": high}))
    return search(Answers(model, *faces(count)), given)


def test_the_right_range_is_found():
    better = found(Model(255.0, share=1.1)).better
    assert better.contract.options == "--range 0,255"
    assert better.recall == 1.0


def test_a_right_contract_has_no_better_one():
    assert found(Model(1.0)).better is None


def test_a_right_contract_is_asked_about_few_faces():
    model = Model(1.0)
    result = found(model, count=2000)
    assert {each.gain.faces for each in result.others} == {ROUNDS[0]}


def test_a_small_gain_is_found_with_many_faces_only():
    model = Model(255.0, share=0.8, otherwise=0.7)
    assert found(model, count=40).better is None
    assert found(model, count=2000).much_better


def test_a_gain_of_a_few_points_is_no_proof():
    result = found(Model(255.0, share=0.8, otherwise=0.76), count=2000)
    assert result.better.contract.options == "--range 0,255"
    assert not result.much_better


def test_a_gain_below_two_points_is_none():
    assert found(Model(255.0, share=0.8, otherwise=0.79), count=2000).better is None


@pytest.mark.parametrize("count", [1, 4, 5])
def test_a_handful_of_faces_shows_nothing(count):
    assert found(Model(255.0), count=count).better is None


def test_answers_are_asked_once():
    model = Model(1.0)
    answers = Answers(model, *faces(100))
    contract = Contract("", SPEC)
    answers.right(contract, 50)
    answers.recall(contract, 100)
    answers.gain(contract, contract, 80)
    assert model.asked == 100


def test_the_recall_is_that_of_the_order_that_fits_best():
    images, labels = faces(40)
    answers = Answers(Model(1.0), images, labels[::-1].copy())
    assert answers.recall(Contract("", SPEC), 40) == 1.0
