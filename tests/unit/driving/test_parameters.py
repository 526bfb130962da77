from __future__ import annotations

import pytest
from pydantic import ValidationError

from edge_fer.driving.observation import Measured, Observation, Sight
from edge_fer.driving.parameters import Parameters


@pytest.mark.parametrize(
    "wrong",
    [
        {"away_notice_s": 6.0},
        {"glances_cleared_s": 11.0},
        {"closed_openness": 0.5},
        {"own_yaw_range_deg": 30.0},
        {"recovery_factor": 0.0},
        {"unknown": 1},
    ],
)
def test_numbers_that_contradict_each_other_are_refused(wrong):
    with pytest.raises(ValidationError):
        Parameters(**wrong)


def test_what_contradicts_is_named():
    with pytest.raises(ValidationError, match="away_notice_s 6, away_warning_s 5"):
        Parameters(away_notice_s=6.0)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_an_observation_has_finite_numbers_only(number):
    with pytest.raises(ValidationError):
        Observation(time_s=number, sight=Sight.FACE)
    with pytest.raises(ValidationError):
        Measured(value=number, uncertainty=0.1)
