"""Short drives: what is seen is a function of time, frames are taken at any rate."""

from __future__ import annotations

import random

import pytest

from edge_fer.driving import policy
from edge_fer.driving.observation import Measured, Observation, Pose, Sight
from edge_fer.driving.parameters import Parameters

QUICK = Parameters(pose_learn_s=5, eyes_learn_s=5, eyes_memory_s=20, perclos_lost_s=10)
"""Learns in five seconds."""


def frame_times(length_s, fps):
    """Times of frames; with no *fps*, between 10 and 50 a second."""
    if fps:
        return [number / fps for number in range(int(length_s * fps))]
    numbers = random.Random(7)  # noqa: S311
    times = [0.0]
    while times[-1] < length_s:
        times.append(times[-1] + numbers.uniform(0.02, 0.1))
    return times


class Drives:
    """Plays drives."""

    quick = QUICK

    def alerts(self, seen, length_s, fps=10, parameters=QUICK):
        """Alerts of a drive as (kind, level, seconds, detail), where ``seen(time)`` gives an observation's fields."""
        state = policy.begin()
        alerts = []
        for time_s in frame_times(length_s, fps):
            observation = self.observation(time_s, **seen(time_s))
            state, new = policy.step(state, observation, parameters)
            alerts += new
        self.state = state
        return alerts

    @staticmethod
    def observation(time_s, **fields):
        return Observation(time_s=time_s, **{"sight": Sight.FACE, **fields})

    @staticmethod
    def face(yaw_deg=0.0, pitch_deg=0.0, eyes=0.33, doubt_deg=3.0, eyes_doubt=0.02):
        pose = Pose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=0.0, uncertainty_deg=doubt_deg)
        opening = None if eyes is None else Measured(value=eyes, uncertainty=eyes_doubt)
        return {"pose": pose, "eyes": opening}


@pytest.fixture
def drives():
    return Drives()


@pytest.fixture(params=[5, 15, 30, None], ids=["5fps", "15fps", "30fps", "irregular"])
def fps(request):
    return request.param
