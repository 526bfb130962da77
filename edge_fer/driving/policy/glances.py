"""Many short looks away: their sum over the last half minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy import windows
from edge_fer.driving.policy.pieces import Piece, away_tuning
from edge_fer.driving.policy.raising import applied, climb, descend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.windows import Window


def passed(
    window: Window, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters
) -> tuple[Window, list[Alert]]:
    """Return the *window* after *piece*, and what that raises or clears. What cannot be seen is no look away.

    The window holds time as the timers count it: at low speed it is longer, and so is the sum that it takes.
    """
    lag_s = piece.pace * away_tuning(parameters).lag_s
    most_s = parameters.glances_window_s - lag_s
    is_away = piece.signals.away.on and piece.reading.away is not None
    alerts: list[Alert] = []
    left_s = piece.length_s * piece.pace
    while left_s > 0:
        leaving = windows.leaving(window, most_s)
        part_s = min(left_s, leaving.length_s)
        rate = float(is_away) - float(leaving.on is True)
        begin_s = piece.begin_s + piece.length_s - left_s / piece.pace
        part = Piece(begin_s, part_s / piece.pace, piece.reading, piece.newest, piece.pace, piece.signals)
        alerts += _changes(window, applied(raised, alerts), part, rate, parameters)
        window = windows.passed(window, is_away, part_s, most_s)
        left_s -= part_s
    return window, alerts


def _changes(
    window: Window, raised: Mapping[Kind, Level], piece: Piece, rate: float, parameters: Parameters
) -> list[Alert]:
    if piece.confirms_away:
        sum_s = window.on_s + piece.pace * away_tuning(parameters).lag_s
        steps = ((parameters.glances_notice_s, Level.NOTICE),)
        detail = {"window_s": parameters.glances_window_s}
        return climb(piece, Kind.GLANCES, raised, steps, sum_s, rate * piece.pace, "away_s", detail)
    if piece.signals.away.on:
        return []
    cleared = ((parameters.glances_cleared_s, None),)
    return descend(piece, Kind.GLANCES, raised.get(Kind.GLANCES), cleared, window.on_s, rate * piece.pace)
