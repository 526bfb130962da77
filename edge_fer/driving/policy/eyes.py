"""Closed eyes: microsleep and sleep."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy import runs
from edge_fer.driving.policy.crossings import rises_to
from edge_fer.driving.policy.pieces import Piece, closed_tuning
from edge_fer.driving.policy.raising import clear_at, raise_at
from edge_fer.driving.policy.runs import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Lids:
    """For how long the lids have been closed or open, and for how long that was not seen."""

    run: Run = field(default_factory=Run)
    unseen_s: float = 0.0


def passed(lids: Lids, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters) -> tuple[Lids, list[Alert]]:
    """Return *lids* after *piece*, and what that raises or clears.

    Once it was said that the eyes cannot be watched, what was said of them is taken back.
    """
    if piece.reading.closed is None:
        return _unseen(lids, raised, piece, parameters)
    is_closed = piece.signals.closed.on
    alerts: list[Alert] = []
    if piece.confirms_closed:
        alerts = _raised(lids, raised, piece, parameters)
    elif not is_closed:
        alerts = _cleared(lids, raised, piece, parameters)
    return Lids(runs.passed(lids.run, is_closed, piece.length_s)), alerts


def until_closed_for(lids: Lids, piece: Piece, threshold_s: float, parameters: Parameters) -> float:
    """Return the seconds of *piece* until the eyes have been closed for *threshold_s*; infinity if it tells not so."""
    if not piece.confirms_closed:
        return math.inf
    return rises_to(lids.run.on_s + closed_tuning(parameters).lag_s, 1.0, threshold_s)


def _unseen(lids: Lids, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters) -> tuple[Lids, list[Alert]]:
    lids = replace(lids, unseen_s=min(lids.unseen_s + piece.length_s, parameters.eyes_hold_s))
    if lids.unseen_s >= parameters.eyes_hold_s:
        lids = Lids(unseen_s=lids.unseen_s)
    if Kind.EYES_UNSEEN not in raised:
        return lids, []
    return lids, clear_at(piece, Kind.MICROSLEEP, raised, 0.0) + clear_at(piece, Kind.SLEEP, raised, 0.0)


def _raised(lids: Lids, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters) -> list[Alert]:
    alerts: list[Alert] = []
    for kind, level, threshold_s in (
        (Kind.MICROSLEEP, Level.WARNING, parameters.microsleep_s),
        (Kind.SLEEP, Level.ALARM, parameters.sleep_s),
    ):
        after_s = until_closed_for(lids, piece, threshold_s, parameters)
        alerts += raise_at(piece, kind, level, raised.get(kind), after_s, {"closed_s": threshold_s})
    return alerts


def _cleared(lids: Lids, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters) -> list[Alert]:
    open_s = lids.run.off_s + closed_tuning(parameters).lag_s
    alerts: list[Alert] = []
    for kind, threshold_s in ((Kind.MICROSLEEP, parameters.eyes_open_s), (Kind.SLEEP, parameters.responsive_s)):
        alerts += clear_at(piece, kind, raised, rises_to(open_s, 1.0, threshold_s))
    return alerts
