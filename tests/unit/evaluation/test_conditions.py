from __future__ import annotations

import numpy as np
import pytest

from edge_fer.errors import BadInput
from edge_fer.evaluation import conditions
from edge_fer.evaluation.conditions import ORIGINAL, Condition

FACE = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
CONDITIONS = [condition for sweep in conditions.SWEEPS.values() for condition in sweep]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_a_condition_keeps_the_shape_and_is_repeatable(condition):
    once = condition(FACE)
    again = condition(FACE)
    assert once.shape == FACE.shape
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    if condition.name != "resolution-48":
        assert not np.array_equal(once, FACE)


@pytest.mark.parametrize("kind", conditions.SWEEPS)
def test_a_sweep_goes_away_from_the_face(kind):
    distances = [np.abs(condition(FACE).astype(int) - FACE).mean() for condition in conditions.SWEEPS[kind]]
    assert distances == sorted(distances)


def test_the_original_comes_before_the_sweeps():
    assert conditions.of_sweeps(["noise", "blur"]) == (
        ORIGINAL,
        *conditions.SWEEPS["noise"],
        *conditions.SWEEPS["blur"],
    )


def test_an_unknown_sweep_is_refused():
    with pytest.raises(BadInput, match="no sweep 'rain'; choose from: resolution, blur, noise"):
        conditions.of_sweeps(["rain"])


def test_original_is_the_face_itself():
    assert np.array_equal(ORIGINAL(FACE), FACE)
    assert Condition("blur", 1.5).name == "blur-1.5"
