"""What is learned of the driver: how he holds his head when he looks at the road, and how far he opens his eyes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_fer.driving.policy import histogram

if TYPE_CHECKING:
    from edge_fer.driving.observation import Pose
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.histogram import Histogram

_ANGLES: Final = histogram.empty(-90.0, 90.0, 1.0)
_OPENINGS: Final = histogram.empty(0.0, 0.8, 0.005)


@dataclass(frozen=True, slots=True)
class Person:
    """Histograms of yaw and pitch in degrees, and of the opening of the eyes (height by width)."""

    yaw: Histogram = _ANGLES
    pitch: Histogram = _ANGLES
    opening: Histogram = _OPENINGS

    def own_pose(self, parameters: Parameters) -> tuple[float, float] | None:
        """Return the yaw and pitch of looking at the road: the medians, within a plausible range; None: not learned."""
        if self.yaw.total_s < parameters.pose_learn_s:
            return None
        yaw = _within(histogram.quantile(self.yaw, 0.5), parameters.mount_yaw_deg, parameters.own_yaw_range_deg)
        pitch = _within(histogram.quantile(self.pitch, 0.5), parameters.mount_pitch_deg, parameters.own_pitch_range_deg)
        return yaw, pitch

    def open_eye(self, parameters: Parameters) -> float | None:
        """Return the opening of the person's open eyes; None: not learned."""
        if self.opening.total_s < parameters.eyes_learn_s:
            return None
        return max(histogram.quantile(self.opening, parameters.open_quantile), parameters.open_least)

    def road_pose(self, parameters: Parameters) -> tuple[float, float]:
        """Return the yaw and pitch of looking at the road: the own pose, or the mount's until that is learned."""
        return self.own_pose(parameters) or (parameters.mount_yaw_deg, parameters.mount_pitch_deg)

    def turned(self, pose: Pose, parameters: Parameters) -> str:
        """Return how the head is turned away from the road, in a few words; empty: it is not."""
        extra = parameters.unlearned_extra_deg if self.own_pose(parameters) is None else 0.0
        yaw, pitch = self.road_pose(parameters)
        if abs(pose.yaw_deg - yaw) > parameters.yaw_limit_deg + extra:
            return "head turned aside"
        if pose.pitch_deg - pitch > parameters.pitch_down_limit_deg + extra:
            return "head bowed"
        if pitch - pose.pitch_deg > parameters.pitch_up_limit_deg + extra:
            return "head raised"
        return ""

    def openness(self, opening: float, parameters: Parameters) -> float | None:
        """Return how far *opening* is from closed, 0, to the person's open eye, 1; None while that is not learned."""
        open_eye = self.open_eye(parameters)
        if open_eye is None:
            return None
        return (opening / open_eye - parameters.closed_reads) / (1 - parameters.closed_reads)

    def is_closed(self, opening: float, was_closed: bool, parameters: Parameters) -> bool | None:
        """Return whether eyes that open by *opening* are closed; None while the open eye is not learned."""
        openness = self.openness(opening, parameters)
        if openness is None:
            return None
        if was_closed:
            return openness < parameters.open_openness
        return openness <= parameters.closed_openness


def learned(
    person: Person, pose: Pose | None, opening: float | None, length_s: float, parameters: Parameters
) -> Person:
    """Return *person* after *length_s* of *pose* and *opening*. Poses that no mount explains are not learned."""
    if pose is None or not _is_plausible(pose, parameters):
        return person
    memory_s = parameters.pose_memory_s
    person = replace(
        person,
        yaw=histogram.added(person.yaw, pose.yaw_deg, length_s, memory_s),
        pitch=histogram.added(person.pitch, pose.pitch_deg, length_s, memory_s),
    )
    if opening is None or person.turned(pose, parameters):
        return person
    return replace(person, opening=histogram.added(person.opening, opening, length_s, parameters.eyes_memory_s))


def _is_plausible(pose: Pose, parameters: Parameters) -> bool:
    yaw = abs(pose.yaw_deg - parameters.mount_yaw_deg)
    pitch = abs(pose.pitch_deg - parameters.mount_pitch_deg)
    most_yaw = parameters.own_yaw_range_deg + parameters.yaw_limit_deg
    most_pitch = parameters.own_pitch_range_deg + parameters.pitch_down_limit_deg
    return yaw <= most_yaw and pitch <= most_pitch


def _within(value: float, centre: float, half: float) -> float:
    return min(max(value, centre - half), centre + half)
