"""Whether there is a driver, and when the drive is over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_fer.driving.observation import Sight
from edge_fer.driving.policy.crossings import rises_to

if TYPE_CHECKING:
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.reading import Reading


@dataclass(frozen=True, slots=True)
class Presence:
    """Seconds of a face in this drive; and since the last one, of no face, and of no face that was seen."""

    seen_s: float = 0.0
    absent_s: float = 0.0
    unseen_s: float = 0.0


def passed(presence: Presence, reading: Reading, length_s: float, parameters: Parameters) -> Presence:
    """Return *presence* after *length_s* of *reading*. Where nothing can be seen, somebody may still be there."""
    if reading.sight is Sight.FACE:
        return Presence(min(presence.seen_s + length_s, parameters.driver_seen_s))
    unseen_s = min(presence.unseen_s + length_s, parameters.drive_unseen_s)
    absent_s = presence.absent_s
    if reading.sight is Sight.NO_FACE:
        absent_s = min(absent_s + length_s, parameters.drive_over_s)
    return Presence(presence.seen_s, absent_s, unseen_s)


def was_seen(presence: Presence, parameters: Parameters) -> bool:
    """Return whether a face was seen for long enough to be the driver's."""
    return presence.seen_s >= parameters.driver_seen_s


def until_over(presence: Presence, reading: Reading, parameters: Parameters) -> float:
    """Return after how many seconds of *reading* the drive is over; infinity if it is not, or none has begun."""
    speed = reading.speed_kmh
    is_moving = speed is not None and speed > parameters.moving_kmh
    if reading.sight is Sight.FACE or is_moving or presence.seen_s == 0:
        return math.inf
    until_s = rises_to(presence.unseen_s, 1.0, parameters.drive_unseen_s)
    if reading.sight is Sight.NO_FACE:
        until_s = min(until_s, rises_to(presence.absent_s, 1.0, parameters.drive_over_s))
    return until_s
