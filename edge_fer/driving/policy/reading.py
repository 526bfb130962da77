"""What one observation means, given who drives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from edge_fer.driving.observation import Hindrance, Sight

if TYPE_CHECKING:
    from edge_fer.driving.observation import Observation, Pose
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.person import Person


class Gaze(Enum):
    """Where the driver looks."""

    ATTENTIVE = auto()
    AWAY = auto()
    UNKNOWN = auto()
    """It cannot be said."""
    NOBODY = auto()
    """No driver was seen yet in this drive."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one observation means. It holds from half-way to its neighbours."""

    gaze: Gaze
    reason: str
    """Why it is away or unknown, in a few words."""
    sight: Sight
    speed_kmh: float | None = None
    closed: bool | None = None
    """Whether the eyes are closed; None: not claimed."""
    eyes_seen: bool | None = None
    """Whether they are measured; None: nobody expects them to be."""
    upset: bool | None = None
    """Whether a strong emotion shows; None: no emotion is read."""
    state: str | None = None
    has_driver: bool = True
    """Whether somebody is known to drive: he was seen, or the vehicle moves."""

    @property
    def away(self) -> bool | None:
        """Whether the driver looks away; None: not known."""
        if self.gaze is Gaze.ATTENTIVE:
            return False
        return True if self.gaze is Gaze.AWAY else None


def read(observation: Observation, person: Person, was_seen: bool, was_closed: bool, parameters: Parameters) -> Reading:
    """Return what *observation* means.

    *was_seen* says whether there is a driver, *was_closed* what was last said of his eyes: the hysteresis needs it.
    """
    if observation.sight is Sight.FACE:
        return _of_face(observation, person, was_closed, parameters)
    if observation.sight is Sight.NO_FACE:
        gaze = _without_face(observation, was_seen, parameters)
        reason = "no face"
    else:
        gaze = Gaze.UNKNOWN
        reason = "picture stale" if observation.sight is Sight.STALE else _hindrance(observation)
    has_driver = was_seen or _is_moving(observation, parameters)
    return Reading(gaze, reason, observation.sight, observation.speed_kmh, has_driver=has_driver)


def _without_face(observation: Observation, was_seen: bool, parameters: Parameters) -> Gaze:
    """Return what no face means: in a vehicle that moves somebody drives, even if he was never seen."""
    if was_seen:
        return Gaze.AWAY
    return Gaze.UNKNOWN if _is_moving(observation, parameters) else Gaze.NOBODY


def _is_moving(observation: Observation, parameters: Parameters) -> bool:
    return observation.speed_kmh is not None and observation.speed_kmh > parameters.moving_kmh


def _hindrance(observation: Observation) -> str:
    return observation.hindrance.value if observation.hindrance else "nothing to be seen"


def _of_face(observation: Observation, person: Person, was_closed: bool, parameters: Parameters) -> Reading:
    pose = usable_pose(observation, parameters)
    gaze, reason = _gaze(observation, pose, person, parameters)
    opening = usable_opening(observation, parameters)
    closed: bool | None = None
    if opening is not None and pose is not None and gaze is Gaze.ATTENTIVE:
        closed = person.is_closed(opening, was_closed, parameters)
    return Reading(
        gaze,
        reason,
        observation.sight,
        observation.speed_kmh,
        closed,
        _eyes_seen(observation, opening if pose is not None else None, person, parameters),
        None if observation.state is None else observation.state in parameters.strong_emotions,
        observation.state,
    )


def _gaze(observation: Observation, pose: Pose | None, person: Person, parameters: Parameters) -> tuple[Gaze, str]:
    if pose is not None:
        turned = person.turned(pose, parameters)
        return (Gaze.AWAY, turned) if turned else (Gaze.ATTENTIVE, "")
    if observation.facing is None:
        return Gaze.UNKNOWN, observation.hindrance.value if observation.hindrance else "head pose unknown"
    return (Gaze.ATTENTIVE, "") if observation.facing else (Gaze.AWAY, "not facing the road")


def _eyes_seen(observation: Observation, opening: float | None, person: Person, parameters: Parameters) -> bool | None:
    if opening is not None:
        return True
    if observation.hindrance is Hindrance.SUNGLASSES or person.opening.total_s >= parameters.driver_seen_s:
        return False
    return None


def usable_pose(observation: Observation, parameters: Parameters) -> Pose | None:
    """Return the pose, if it is certain enough."""
    pose = observation.pose
    if observation.sight is not Sight.FACE or pose is None:
        return None
    return pose if pose.uncertainty_deg <= parameters.pose_uncertainty_deg else None


def usable_opening(observation: Observation, parameters: Parameters) -> float | None:
    """Return the opening of the eyes, if it is certain enough."""
    eyes = observation.eyes
    if observation.sight is not Sight.FACE or eyes is None or observation.hindrance is Hindrance.SUNGLASSES:
        return None
    return eyes.value if eyes.uncertainty <= parameters.eyes_uncertainty else None
