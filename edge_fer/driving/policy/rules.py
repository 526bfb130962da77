"""All rules on one piece of time, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.driving.policy import attention, drowsiness, emotion, eyes, glances, lockout, outages, unresponsive
from edge_fer.driving.policy.raising import applied
from edge_fer.driving.policy.state import Timers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.alerts import Alert, Kind, Level
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.pieces import Piece


def passed(
    timers: Timers, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters
) -> tuple[Timers, list[Alert]]:
    """Return *timers* after *piece*, and what it raises, lowers or clears, in the order of time."""
    looks, looks_alerts = attention.passed(timers.attention, raised, piece, parameters)
    locked, locked_alerts = lockout.passed(timers.lockout, raised, piece, looks_alerts, parameters)
    short, short_alerts = glances.passed(timers.glances, raised, piece, parameters)
    lids, lid_alerts = eyes.passed(timers.lids, raised, piece, parameters)
    with_looks = applied(raised, looks_alerts)
    no_response = unresponsive.changes(with_looks, piece, looks, timers.lids, parameters)
    drowsy, drowsy_alerts = drowsiness.passed(timers.drowsiness, raised, piece, parameters)
    driver, driver_alerts = outages.driver(timers.driver_outage, raised, piece, parameters)
    eyes_outage, eyes_alerts = outages.eyes(timers.eyes_outage, raised, piece, parameters)
    mood, mood_alerts = emotion.passed(timers.emotion, raised, piece, parameters)
    alerts = [
        *looks_alerts,
        *locked_alerts,
        *short_alerts,
        *lid_alerts,
        *no_response,
        *drowsy_alerts,
        *driver_alerts,
        *eyes_alerts,
        *mood_alerts,
    ]
    after = Timers(looks, locked, short, lids, drowsy, driver, eyes_outage, mood)
    return after, sorted(alerts, key=lambda alert: alert.time_s)
