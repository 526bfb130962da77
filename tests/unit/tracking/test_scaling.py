from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_fer.tracking.scaling import halved, halvings

SIDES = st.integers(1, 40)
GRAYS = st.tuples(SIDES, SIDES).flatmap(lambda shape: arrays.arrays(np.uint8, shape))


@given(GRAYS, st.integers(1, 4))
def test_each_pixel_is_the_mean_of_a_block(gray, count):
    step = 2**count
    height, width = gray.shape[0] // step, gray.shape[1] // step
    small = halved(gray, count)
    if not height or not width:
        assert small.shape == (0, 0)
        return
    assert small.shape == (height, width)
    assert small.dtype == np.uint8
    blocks = gray[: height * step, : width * step].reshape(height, step, width, step)
    # Rounded once for each halving.
    assert np.abs(small - blocks.mean(axis=(1, 3))).max() <= 0.5 * count + 1e-6


@given(GRAYS)
def test_halved_no_times_it_is_the_picture_itself(gray):
    assert halved(gray, 0) is gray


@given(st.floats(0.001, 4))
def test_what_is_left_to_scale_is_more_than_half(scale):
    count = halvings(scale)
    left = scale * 2**count
    assert left > 0.5
    assert count == 0 or left <= 1
