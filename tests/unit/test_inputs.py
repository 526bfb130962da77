from __future__ import annotations

import numpy as np
import pytest

from edge_fer.backends import ModelFile
from edge_fer.backends.inputs import Input, check_output, single
from edge_fer.errors import BackendError
from edge_fer.preprocess import Preprocess

CROP = np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)
ONE = Preprocess(size_px=8, low=-1.0, high=1.0)
THREE = Preprocess(size_px=8, channels="gray3", low=(-1.0, -2.0, -3.0), high=(1.0, 2.0, 3.0))
EACH = Preprocess(size_px=8, standardize=True)
EACH_THREE = Preprocess(size_px=8, channels="gray3", standardize=True)


def model(spec):
    return ModelFile(b"", spec, ("a", "b"))


@pytest.mark.parametrize(
    "spec", [ONE, THREE, EACH, EACH_THREE], ids=["one plane", "three planes", "standardised", "standardised, three"]
)
@pytest.mark.parametrize("planes_first", [False, True])
def test_a_float_input_gets_the_specs_values(spec, planes_first):
    shape = (1, spec.planes, 8, 8) if planes_first else (1, 8, 8, spec.planes)
    into = Input(model(spec), shape, np.float32)
    into.fill(CROP)
    values = spec.to_values(CROP)
    assert np.array_equal(into.batch[0], values.transpose(2, 0, 1) if planes_first else values)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_a_quantized_input_gets_the_nearest_numbers(dtype):
    zero = -128 if dtype == np.int8 else 0
    into = Input(model(Preprocess(size_px=8)), (1, 8, 8, 1), dtype, 1 / 255, zero)
    into.fill(CROP)
    assert np.array_equal(into.batch[0, :, :, 0], CROP.astype(int) + zero)


def test_each_crop_is_standardised_by_itself():
    floats = Input(model(EACH), (1, 8, 8, 1), np.float32)
    numbers = Input(model(EACH), (1, 8, 8, 1), np.int8, 0.05, 3)
    for crop in CROP, CROP // 2 + 90, np.full((8, 8), 7, np.uint8):
        floats.fill(crop)
        numbers.fill(crop)
        assert np.array_equal(floats.batch[0], EACH.to_values(crop))
        assert np.array_equal(numbers.batch, np.clip(np.rint(floats.batch / np.float32(0.05) + 3), -128, 127))


def test_values_beyond_the_inputs_range_are_clipped():
    into = Input(model(ONE), (1, 8, 8, 1), np.int8, 1 / 255, 0)
    into.fill(np.full((8, 8), 255, np.uint8))
    assert (into.batch == 127).all()


def test_a_crop_need_not_be_contiguous():
    spread = np.zeros((16, 16), np.uint8)
    spread[::2, ::2] = CROP
    first, second = (Input(model(THREE), (1, 8, 8, 3), np.float32) for _ in range(2))
    first.fill(CROP)
    second.fill(spread[::2, ::2])
    assert np.array_equal(first.batch, second.batch)


@pytest.mark.parametrize("shape", [(1, 9, 9, 1), (1, 8, 8, 3), (2, 8, 8, 1), (8, 8)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(BackendError, match="the manifest says"):
        Input(model(ONE), shape, np.float32)


@pytest.mark.parametrize(("dtype", "scale"), [(np.int16, 0.1), (np.float16, 0.0), (np.int8, 0.0)])
def test_other_numbers_are_refused(dtype, scale):
    with pytest.raises(BackendError, match="are supported"):
        Input(model(ONE), (1, 8, 8, 1), dtype, scale)


def test_ends_are_checked():
    check_output(model(ONE), (1, 2))
    with pytest.raises(BackendError, match="the manifest says"):
        check_output(model(ONE), (1, 3))
    assert single(["x"], "input") == "x"
    with pytest.raises(BackendError, match="the model has 2 inputs"):
        single(["x", "y"], "input")
