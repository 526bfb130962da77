"""What the monitor makes of the newest observation, for people: a word, and the numbers of level 2."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from edge_fer.driving.observation import Sight
from edge_fer.driving.policy.reading import Gaze, usable_opening, usable_pose
from edge_fer.frozen import Frozen

if TYPE_CHECKING:
    from edge_fer.driving.observation import Observation
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.person import Person
    from edge_fer.driving.policy.state import State
    from edge_fer.driving.policy.windows import Window


class Word(StrEnum):
    """How the driver is, as far as can be said."""

    ATTENTIVE = "attentive"
    AWAY = "away"
    """Not facing the road."""
    NO_FACE = "no face"
    CANNOT_MONITOR = "cannot monitor"
    STALE = "stale"
    """The newest picture is too old."""


HEAD = "head"
"""Why nothing can be said of a face whose pose is not known."""
CLOSED = "closed"
"""What is to be said of somebody who faces the road with closed eyes."""


class Shown(Frozen):
    """What is shown. What cannot be said is None."""

    shows: Word
    why: str | None = None
    """A hindrance, `HEAD` or `CLOSED`."""
    yaw_deg: float | None = None
    """Of the head, from the driver's own pose; positive to the right of the picture."""
    pitch_deg: float | None = None
    """The same, positive downwards."""
    eyes_open: float | None = None
    """From 0, closed, to 1, as far as the driver's own open eyes."""
    perclos: float | None = None
    """Share of the last minute with closed eyes."""
    learned: float | None = None
    """From 0 to 1: how much of what has to be learned of the driver is learned; None at level 1."""


def shown(state: State, observation: Observation, parameters: Parameters) -> Shown:
    """Return what is shown in *state*, the policy's after *observation*."""
    word, why = _word(state, observation)
    yaw_deg = pitch_deg = None
    pose = usable_pose(observation, parameters)
    if pose is not None:
        own_yaw_deg, own_pitch_deg = state.person.road_pose(parameters)
        yaw_deg = round(pose.yaw_deg - own_yaw_deg, 1)
        pitch_deg = round(pose.pitch_deg - own_pitch_deg, 1)
    return Shown(
        shows=word,
        why=why,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        eyes_open=_openness(state.person, usable_opening(observation, parameters), parameters),
        perclos=_perclos(state.timers.drowsiness, parameters),
        learned=_learned(state.person, observation, parameters),
    )


def _word(state: State, observation: Observation) -> tuple[Word, str | None]:
    hindrance = None if observation.hindrance is None else observation.hindrance.value
    if observation.sight is Sight.STALE:
        return Word.STALE, None
    if observation.sight is Sight.NO_FACE:
        return Word.NO_FACE, None
    reading = state.reading
    if observation.sight is Sight.CANNOT_MONITOR or reading is None:
        return Word.CANNOT_MONITOR, hindrance
    if reading.gaze is Gaze.AWAY:
        return Word.AWAY, hindrance
    if reading.gaze is Gaze.ATTENTIVE:
        return Word.ATTENTIVE, CLOSED if reading.closed else hindrance
    return Word.CANNOT_MONITOR, hindrance or HEAD


def _openness(person: Person, opening: float | None, parameters: Parameters) -> float | None:
    openness = None if opening is None else person.openness(opening, parameters)
    return None if openness is None else round(min(max(openness, 0.0), 1.0), 2)


def _perclos(window: Window, parameters: Parameters) -> float | None:
    known_s = window.known_s
    return round(window.on_s / known_s, 3) if known_s >= parameters.perclos_valid_s else None


def _learned(person: Person, observation: Observation, parameters: Parameters) -> float | None:
    if observation.pose is None:
        return None
    share = person.yaw.total_s / parameters.pose_learn_s
    if observation.eyes is not None:
        share = min(share, person.opening.total_s / parameters.eyes_learn_s)
    return round(min(share, 1.0), 2)
