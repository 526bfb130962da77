"""No response: neither to the alarm, nor with eyes that stay closed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy import eyes
from edge_fer.driving.policy.crossings import rises_to
from edge_fer.driving.policy.pieces import away_tuning, closed_tuning
from edge_fer.driving.policy.raising import clear_at, raise_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.attention import Attention
    from edge_fer.driving.policy.eyes import Lids
    from edge_fer.driving.policy.pieces import Piece


def changes(
    raised: Mapping[Kind, Level], piece: Piece, attention: Attention, lids: Lids, parameters: Parameters
) -> list[Alert]:
    """Return what *piece* raises or clears.

    *raised* and *attention* are those after what the piece changed of looks away, *lids* those before it.
    """
    ignored_s = _until_ignored(raised, piece, attention, parameters)
    closed_s = eyes.until_closed_for(lids, piece, parameters.unresponsive_closed_s, parameters)
    reason = "alarm ignored" if ignored_s <= closed_s else "eyes closed"
    present = raised.get(Kind.UNRESPONSIVE)
    after_s = min(ignored_s, closed_s)
    alerts = raise_at(piece, Kind.UNRESPONSIVE, Level.ALARM, present, after_s, {"reason": reason})
    responds_s = _until_responds(raised, piece, attention, lids, parameters)
    return alerts + clear_at(piece, Kind.UNRESPONSIVE, raised, responds_s)


def _until_ignored(raised: Mapping[Kind, Level], piece: Piece, attention: Attention, parameters: Parameters) -> float:
    if raised.get(Kind.LOOKS_AWAY) is not Level.ALARM or not piece.confirms_away:
        return math.inf
    alarm_s = attention.alarm_s - piece.length_s
    away_s = attention.run.on_s - piece.length_s + away_tuning(parameters).lag_s
    threshold_s = parameters.unresponsive_after_alarm_s
    return max(rises_to(alarm_s, 1.0, threshold_s), rises_to(away_s, 1.0, threshold_s))


def _until_responds(
    raised: Mapping[Kind, Level], piece: Piece, attention: Attention, lids: Lids, parameters: Parameters
) -> float:
    """Return the seconds until the driver has long looked at the road, with open eyes where they are seen."""
    if piece.reading.away is None or piece.signals.away.on:
        return math.inf
    attentive_s = attention.run.off_s - piece.length_s + away_tuning(parameters).lag_s
    until_s = rises_to(attentive_s, 1.0, parameters.responsive_s)
    if piece.reading.closed is not None:
        if piece.signals.closed.on:
            return math.inf
        open_s = lids.run.off_s + closed_tuning(parameters).lag_s
        return max(until_s, rises_to(open_s, 1.0, parameters.responsive_s))
    # The filter keeps what it said last. What was said of eyes ends once it was said that they are not seen.
    return math.inf if Kind.SLEEP in raised or Kind.MICROSLEEP in raised else until_s
