"""No response: neither to the alarm, nor with eyes that stay closed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy import eyes
from edge_fer.driving.policy.crossings import rises_to
from edge_fer.driving.policy.pieces import away_tuning
from edge_fer.driving.policy.raising import clear_at, raise_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.attention import Attention
    from edge_fer.driving.policy.eyes import Lids
    from edge_fer.driving.policy.pieces import Piece


def passed(
    responsive_s: float,
    raised: Mapping[Kind, Level],
    piece: Piece,
    attention: Attention,
    lids: Lids,
    parameters: Parameters,
) -> tuple[float, list[Alert]]:
    """Return for how long the driver has responded after *piece*, and what that raises or clears.

    *attention* is that after the piece, *lids* those before it.
    """
    ignored_s = _until_ignored(raised, piece, attention, parameters)
    closed_s = eyes.until_closed_for(lids, piece, parameters.unresponsive_closed_s, parameters)
    reason = "alarm ignored" if ignored_s <= closed_s else "eyes closed"
    present = raised.get(Kind.UNRESPONSIVE)
    after_s = min(ignored_s, closed_s)
    alerts = raise_at(piece, Kind.UNRESPONSIVE, Level.ALARM, present, after_s, {"reason": reason})
    responds = _responds(raised, piece)
    if responds is None:
        return responsive_s, alerts
    if not responds:
        return 0.0, alerts
    alerts += clear_at(piece, Kind.UNRESPONSIVE, raised, rises_to(responsive_s, 1.0, parameters.responsive_s))
    return min(responsive_s + piece.length_s, parameters.responsive_s), alerts


def _until_ignored(
    raised: Mapping[Kind, Level], piece: Piece, attention: Attention, parameters: Parameters
) -> float:
    if raised.get(Kind.LOOKS_AWAY) is not Level.ALARM or not piece.confirms_away:
        return math.inf
    alarm_s = attention.alarm_s - piece.length_s
    away_s = attention.away_s - piece.length_s + away_tuning(parameters).lag_s
    threshold_s = parameters.unresponsive_after_alarm_s
    return max(rises_to(alarm_s, 1.0, threshold_s), rises_to(away_s, 1.0, threshold_s))


def _responds(raised: Mapping[Kind, Level], piece: Piece) -> bool | None:
    """Return whether the driver looks at the road with open eyes; None: it cannot be said."""
    if piece.signals.away.on or piece.signals.closed.on:
        return False
    if piece.reading.away is None or (piece.reading.closed is None and Kind.SLEEP in raised):
        return None
    return True
