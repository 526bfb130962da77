"""The usual contracts, and the options that say so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.evaluation.face_set import LabelledFaces
from edge_fer.preprocess import Preprocess
from edge_fer_convert.contract.candidates import CAFFE, IMAGENET, Contract, alternatives, black_and_white, tighter

GREY = Preprocess(size_px=32)
PLANES = Preprocess(size_px=32, channels="gray3")


def options_of(spec):
    return [contract.options for contract in alternatives(Contract("", spec))]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255), (-0.5, 0.5)])
def test_what_is_given_is_no_alternative(low, high):
    options = options_of(GREY.model_copy(update={"low": float(low), "high": float(high)}))
    assert f"--range {low},{high}" not in options
    assert "--equalize" in options


def test_faces_standardised_one_by_one_are_tried():
    assert "--standardize" in options_of(GREY)
    options = options_of(GREY.model_copy(update={"standardize": True}))
    assert "--standardize" not in options
    assert "--range 0,1" in options


def test_planes_are_tried_in_both_orders():
    low, high = black_and_white(*IMAGENET)
    spec = PLANES.model_copy(update={"low": low, "high": high})
    options = options_of(spec)
    assert "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225" not in options
    assert "--mean 0.406,0.456,0.485 --std 0.225,0.224,0.229" in options
    assert len(set(options)) == len(options)


def test_planes_of_ones_own_are_tried_the_other_way_round():
    low, high = black_and_white((0.1, 0.5, 0.9), (0.2, 0.3, 0.4))
    assert "--mean 0.9,0.5,0.1 --std 0.4,0.3,0.2" in options_of(PLANES.model_copy(update={"low": low, "high": high}))


def test_equalised_faces_are_tried_as_they_are():
    assert "without --equalize" in options_of(GREY.model_copy(update={"equalize": True}))


def test_the_values_of_caffe_are_those_that_vgg_subtracts():
    low, high = black_and_white(*CAFFE)
    assert np.allclose(low, (-103.939, -116.779, -123.68), atol=2e-3)
    assert np.allclose(np.subtract(high, low), 255)


@given(
    mean=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    deviation=st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
)
def test_black_and_white_are_normalised_alike(mean, deviation):
    low, high = black_and_white(tuple(mean), tuple(deviation))
    assert np.allclose(np.array(low) * deviation + mean, 0, atol=1e-9)
    assert np.allclose(np.array(high) * deviation + mean, 1, atol=1e-9)


def test_a_tighter_face_is_its_middle():
    image = np.zeros((40, 40), np.uint8)
    image[7:33, 7:33] = 255  # one pixel more than the middle, since scaling reads neighbours
    faces = LabelledFaces(image[np.newaxis], np.array([0]), ("a.png",))
    *_, contract = tighter(Contract("", GREY))
    assert contract.widened == -0.2
    assert contract.values(faces).min() == 1.0
