"""Too many alarms: the drive should end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy.crossings import rises_to
from edge_fer.driving.policy.raising import clear_at, raise_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.pieces import Piece


@dataclass(frozen=True, slots=True)
class Lockout:
    """Alarms for looks away in this drive, and seconds for which the vehicle has been known to stand."""

    alarms: int = 0
    standing_s: float = 0.0


def passed(
    lockout: Lockout, raised: Mapping[Kind, Level], piece: Piece, new: Sequence[Alert], parameters: Parameters
) -> tuple[Lockout, list[Alert]]:
    """Return *lockout* after *piece*, in which *new* were raised, and what that raises or clears."""
    alarms = lockout.alarms
    alerts: list[Alert] = []
    for alert in new:
        if alert.kind is Kind.LOOKS_AWAY and alert.level is Level.ALARM:
            alarms += 1
            if alarms >= parameters.alarms_to_lock_out:
                present = raised.get(Kind.LOCKED_OUT)
                after_s = alert.time_s - piece.begin_s
                alerts += raise_at(piece, Kind.LOCKED_OUT, Level.ALARM, present, after_s, {"alarms": alarms})
    speed = piece.reading.speed_kmh
    if speed is None or speed >= parameters.standing_kmh:
        return Lockout(alarms), alerts
    cleared = clear_at(piece, Kind.LOCKED_OUT, raised, rises_to(lockout.standing_s, 1.0, parameters.standing_s))
    standing_s = min(lockout.standing_s + piece.length_s, parameters.standing_s)
    return Lockout(0 if cleared else alarms, standing_s), alerts + cleared
