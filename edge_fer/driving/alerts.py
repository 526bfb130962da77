"""What the policy says: alerts that are raised and cleared."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

from pydantic import Field

from edge_fer.frozen import Frozen


class Kind(StrEnum):
    """What an alert is about."""

    LOOKS_AWAY = "looks away"
    """One long look away from the road, or no face where the driver's was."""
    GLANCES = "glances"
    """Many short looks away."""
    MICROSLEEP = "microsleep"
    SLEEP = "sleep"
    UNRESPONSIVE = "unresponsive"
    DROWSY = "drowsy"
    """The eyes were closed for too large a share of the last minute."""
    EMOTION = "emotion"
    """Strong anger or fear that lasts. Advice, never an alert."""
    CANNOT_MONITOR = "cannot monitor"
    """Nothing is claimed about the driver meanwhile."""
    EYES_UNSEEN = "eyes unseen"
    """The head is watched, the eyes cannot be."""
    LOCKED_OUT = "locked out"
    """Too many alerts of the highest level: the drive should end."""


class Level(IntEnum):
    """How loud."""

    ADVICE = 0
    """To be shown, quietly."""
    NOTICE = 1
    """A first alert: seen, and heard once."""
    WARNING = 2
    """Heard until the driver reacts."""
    ALARM = 3
    """As loud as there is."""


class Alert(Frozen):
    """A change: an alert was raised, got louder or quieter, or was cleared."""

    time_s: float
    """When, in the time of the observations."""
    kind: Kind
    level: Level | None
    """From now on; None: cleared."""
    detail: dict[str, Any] = Field(default_factory=dict)
    """Numbers that explain it, each with its unit in its name: ``away_s``, ``perclos``."""
