"""All that the policy remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from edge_fer.driving.policy.attention import Attention
from edge_fer.driving.policy.eyes import Lids
from edge_fer.driving.policy.lockout import Lockout
from edge_fer.driving.policy.outages import Outage
from edge_fer.driving.policy.person import Person
from edge_fer.driving.policy.pieces import Signals
from edge_fer.driving.policy.presence import Presence
from edge_fer.driving.policy.runs import Run
from edge_fer.driving.policy.windows import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.alerts import Kind, Level
    from edge_fer.driving.policy.reading import Reading


@dataclass(frozen=True, slots=True)
class Timers:
    """What each rule counts."""

    attention: Attention = field(default_factory=Attention)
    lockout: Lockout = field(default_factory=Lockout)
    glances: Window = field(default_factory=Window)
    lids: Lids = field(default_factory=Lids)
    drowsiness: Window = field(default_factory=Window)
    driver_outage: Outage = field(default_factory=Outage)
    eyes_outage: Outage = field(default_factory=Outage)
    emotion: Run = field(default_factory=Run)


@dataclass(frozen=True, slots=True)
class State:
    """All that the policy remembers of a drive. Its size does not grow with the drive."""

    time_s: float | None = None
    """Of the newest observation; None before the first."""
    reading: Reading | None = None
    """Of the newest observation."""
    person: Person = field(default_factory=Person)
    presence: Presence = field(default_factory=Presence)
    signals: Signals = field(default_factory=Signals)
    timers: Timers = field(default_factory=Timers)
    raised: Mapping[Kind, Level] = field(default_factory=lambda: MappingProxyType({}))
