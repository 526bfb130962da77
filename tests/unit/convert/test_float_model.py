from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install -e '.[convert]'")

from edge_fer.errors import BadInput
from edge_fer.preprocess import Preprocess
from edge_fer_convert.formats import onnx_file
from edge_fer_convert.opening import open_model
from edge_fer_convert.opening.choices import Choices

TORCH = Path(__file__).parents[2] / "golden" / "torch.onnx"


@pytest.fixture
def values(evaluation_faces):
    return Preprocess(size_px=32).to_values(evaluation_faces.images[::40])


def test_columns_are_taken_in_every_form(float_model, values):
    expected = float_model.scores(values)[:, 2:6]
    assert float_model.onnx is not None
    for cut in float_model.with_columns(2, 6), float_model.with_columns(1, 7).with_columns(1, 5):
        assert cut.classes == 4
        assert np.allclose(cut.scores(values), expected, atol=1e-6)
        assert np.allclose(cut.original.scores(values), expected, atol=1e-5)
        assert np.allclose(onnx_file.run(cut.onnx, values), expected, atol=1e-5)


def test_columns_of_an_onnx_file_are_taken():
    face = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    whole = open_model(TORCH)
    assert np.array_equal(open_model(TORCH, Choices(columns=(0, 3))).scores(face), whole.scores(face)[:, :3])


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (3, 3), (6, 7), (5, 2)])
def test_columns_that_are_not_there_are_refused(float_model, start, stop):
    with pytest.raises(BadInput, match=f"--outputs {start}:{stop} does not fit: the model has 7 outputs"):
        float_model.with_columns(start, stop)


def test_a_model_that_takes_pixels_gets_them(float_model):
    pixels = replace(float_model, takes_pixels="the model begins by scaling pixels down")
    assert (float_model.preprocess().high, pixels.preprocess().high) == (1.0, 255.0)
    assert (pixels.preprocess(low=-1.0).low, pixels.preprocess(low=-1.0).high) == (-1.0, 1.0)
    assert pixels.preprocess(standardize=True).high == 1.0


def test_shares_of_nothing_are_equal(float_model, values):
    dark = float_model.with_columns(0, 2).with_shares(of_logits=False)
    assert np.allclose(dark.scores(values).sum(axis=1), 1, atol=1e-4)
