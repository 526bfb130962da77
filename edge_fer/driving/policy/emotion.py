"""Strong anger or fear that lasts: advice, never more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy import runs
from edge_fer.driving.policy.crossings import rises_to
from edge_fer.driving.policy.pieces import upset_tuning
from edge_fer.driving.policy.raising import clear_at, raise_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.pieces import Piece
    from edge_fer.driving.policy.runs import Run


def passed(run: Run, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters) -> tuple[Run, list[Alert]]:
    """Return for how long a strong emotion has shown, or not, after *piece*, and what that raises or clears.

    A face that is not read shows none.
    """
    is_upset = piece.signals.upset.on
    lag_s = upset_tuning(parameters).lag_s
    alerts: list[Alert] = []
    if is_upset and piece.reading.upset and piece.newest.upset:
        after_s = rises_to(run.on_s + lag_s, 1.0, parameters.emotion_s)
        present = raised.get(Kind.EMOTION)
        alerts = raise_at(piece, Kind.EMOTION, Level.ADVICE, present, after_s, {"state": piece.reading.state})
    elif not is_upset:
        alerts = clear_at(piece, Kind.EMOTION, raised, rises_to(run.off_s + lag_s, 1.0, parameters.calm_s))
    return runs.passed(run, is_upset, piece.length_s), alerts
