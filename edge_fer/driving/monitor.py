"""Feeds the policy: one observation a frame, and others in place of frames that do not come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.driving import policy
from edge_fer.driving.observation import Observation, Sight
from edge_fer.driving.shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.alerts import Alert, Kind, Level
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.shown import Shown

STALE_AFTER_S: Final = 1.0
"""Age from which on the newest picture tells nothing about now."""
STALE_EVERY_S: Final = 0.2
"""How often that is said, while no frame comes."""


@dataclass(frozen=True)
class Step:
    """One observation, and the alerts that it has changed."""

    observation: Observation
    alerts: tuple[Alert, ...]


class Monitor:
    """Watches one drive. All times are those of one clock, or of one film."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._state = policy.begin()
        self._newest: Observation | None = None
        self._newest_s: float | None = None
        self._is_stale = False

    @property
    def raised(self) -> Mapping[Kind, Level]:
        """The alerts that are raised now."""
        return policy.raised(self._state)

    @property
    def shown(self) -> Shown | None:
        """What it makes of the newest observation, for people; None before the first."""
        return None if self._newest is None else shown(self._state, self._newest, self._parameters)

    def saw(self, observation: Observation) -> Step:
        """Take the observation of a frame."""
        self._newest = observation
        self._newest_s = observation.time_s
        self._is_stale = observation.sight is Sight.STALE
        self._state, alerts = policy.step(self._state, observation, self._parameters)
        return Step(observation, alerts)

    def tick(self, now_s: float, speed_kmh: float | None = None) -> Step | None:
        """Say that the picture is stale, if it is at *now_s*. To be called often while frames are waited for."""
        if self._newest_s is None:
            self._newest_s = now_s
        wait_s = STALE_EVERY_S if self._is_stale else STALE_AFTER_S
        if now_s - self._newest_s < wait_s:
            return None
        return self.saw(Observation(time_s=now_s, sight=Sight.STALE, speed_kmh=speed_kmh))
