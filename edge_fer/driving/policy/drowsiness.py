"""Drowsiness: the share of a minute with closed eyes, PERCLOS P80."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy import windows
from edge_fer.driving.policy.crossings import falls_to, rises_to
from edge_fer.driving.policy.pieces import Piece, closed_tuning
from edge_fer.driving.policy.raising import applied, clear_at, raise_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.windows import Stretch, Window


def passed(
    window: Window, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters
) -> tuple[Window, list[Alert]]:
    """Return the *window* after *piece*, and what that raises or clears."""
    most_s = parameters.perclos_window_s - closed_tuning(parameters).lag_s
    on = None if piece.reading.closed is None else piece.signals.closed.on
    alerts: list[Alert] = []
    left_s = piece.length_s
    while left_s > 0:
        leaving = windows.leaving(window, most_s)
        part_s = min(left_s, leaving.length_s)
        begin_s = piece.begin_s + piece.length_s - left_s
        part = Piece(begin_s, part_s, piece.reading, piece.newest, piece.pace, piece.signals)
        alerts += _changes(window, applied(raised, alerts), part, on, leaving, parameters)
        window = windows.passed(window, on, part_s, most_s)
        left_s -= part_s
    return window, alerts


def _changes(
    window: Window,
    raised: Mapping[Kind, Level],
    piece: Piece,
    on: bool | None,
    leaving: Stretch,
    parameters: Parameters,
) -> list[Alert]:
    closed_rate = float(on is True) - float(leaving.on is True)
    known_rate = float(on is not None) - float(leaving.on is not None)
    lag_s = closed_tuning(parameters).lag_s
    closed_s = window.on_s + (lag_s if piece.confirms_closed else 0.0)
    known_s = window.known_s + (0.0 if on is None else lag_s)
    if Kind.DROWSY in raised:
        share = parameters.perclos_cleared
        after_s = falls_to(closed_s - share * known_s, closed_rate - share * known_rate, 0.0)
        lost_s = falls_to(known_s, known_rate, parameters.perclos_lost_s)
        return clear_at(piece, Kind.DROWSY, raised, min(after_s, lost_s))
    share = parameters.perclos_notice
    enough_s = rises_to(known_s, known_rate, parameters.perclos_valid_s)
    after_s = rises_to(closed_s - share * known_s, closed_rate - share * known_rate, 0.0)
    if max(enough_s, after_s) > piece.length_s:
        return []
    at_s = max(enough_s, after_s)
    perclos = (closed_s + closed_rate * at_s) / (known_s + known_rate * at_s)
    return raise_at(piece, Kind.DROWSY, Level.NOTICE, None, at_s, {"perclos": round(perclos, 4)})
