"""What the policy makes of the newest observation, to be shown beside the alerts. Nothing is decided by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from edge_fer.driving.policy.reading import usable_opening, usable_pose
from edge_fer.frozen import Frozen

if TYPE_CHECKING:
    from edge_fer.driving.observation import Observation
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.state import State


class Shown(Frozen):
    """Numbers of the driver. What cannot be said now is None."""

    road: bool | None = None
    """Whether the driver looks at the road, after the filter."""
    yaw_deg: float | None = None
    """Of the head, from the person's own pose, positive to the right of the picture."""
    pitch_deg: float | None = None
    """The same, positive downwards."""
    eyes_open: float | None = Field(None, ge=0, le=1)
    """0 closed, 1 as wide as the person's own open eyes."""
    perclos: float | None = Field(None, ge=0, le=1)
    """Share of the last minute with closed eyes, once enough of it was seen."""
    learned: float | None = Field(None, ge=0, le=1)
    """Share of the learning of pose and eyes that is done; None where only level 1 is seen."""


def shown(state: State, parameters: Parameters) -> Shown:
    """Return the numbers of the newest observation of *state*."""
    if state.newest is None or state.reading is None:
        return Shown()
    yaw_deg, pitch_deg = _pose(state, state.newest, parameters)
    return Shown(
        road=None if state.reading.away is None else not state.signals.away.on,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        eyes_open=_eyes_open(state, state.newest, parameters),
        perclos=_perclos(state, parameters),
        learned=_learned(state, parameters),
    )


def _pose(state: State, newest: Observation, parameters: Parameters) -> tuple[float | None, float | None]:
    pose = usable_pose(newest, parameters)
    if pose is None:
        return None, None
    own = state.person.own_pose(parameters) or (parameters.mount_yaw_deg, parameters.mount_pitch_deg)
    return pose.yaw_deg - own[0], pose.pitch_deg - own[1]


def _eyes_open(state: State, newest: Observation, parameters: Parameters) -> float | None:
    opening = usable_opening(newest, parameters)
    openness = None if opening is None else state.person.openness(opening, parameters)
    return None if openness is None else min(max(openness, 0.0), 1.0)


def _perclos(state: State, parameters: Parameters) -> float | None:
    window = state.timers.drowsiness
    known_s = window.known_s
    return window.on_s / known_s if known_s >= parameters.perclos_valid_s else None


def _learned(state: State, parameters: Parameters) -> float | None:
    pose_s = state.person.yaw.total_s
    opening_s = state.person.opening.total_s
    if pose_s == 0:
        return None
    shares = [pose_s / parameters.pose_learn_s]
    if opening_s > 0:
        shares.append(opening_s / parameters.eyes_learn_s)
    return min(1.0, *shares)
