"""Raising, lowering and clearing: alerts at the moment at which a value crosses a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy.crossings import falls_to, rises_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edge_fer.driving.policy.pieces import Piece


def applied(raised: Mapping[Kind, Level], alerts: Iterable[Alert]) -> Mapping[Kind, Level]:
    """Return what is raised after *alerts*."""
    after = dict(raised)
    for alert in alerts:
        if alert.level is None:
            after.pop(alert.kind, None)
        else:
            after[alert.kind] = alert.level
    return after


def raise_at(
    piece: Piece, kind: Kind, level: Level, present: Level | None, after_s: float, detail: dict[str, Any]
) -> list[Alert]:
    """Return the alert *kind* if it comes within *piece*, *after_s* seconds after its begin, and is louder now."""
    is_louder = present is None or level > present
    if after_s > piece.length_s or not is_louder:
        return []
    return [Alert(time_s=piece.begin_s + after_s, kind=kind, level=level, detail=detail)]


def clear_at(piece: Piece, kind: Kind, raised: Mapping[Kind, Level], after_s: float) -> list[Alert]:
    """Return the end of *kind* if it is raised and ends within *piece*, *after_s* seconds after its begin."""
    if after_s > piece.length_s or kind not in raised:
        return []
    return [Alert(time_s=piece.begin_s + after_s, kind=kind, level=None)]


def climb(
    piece: Piece,
    kind: Kind,
    raised: Mapping[Kind, Level],
    steps: tuple[tuple[float, Level], ...],
    value: float,
    rate: float,
    name: str,
    detail: dict[str, Any],
) -> list[Alert]:
    """Return the alerts of a *value* that rises by *rate* past *steps*, the lowest first: threshold and level.

    *name* is the value's in the alert's detail.
    """
    present = raised.get(kind)
    alerts: list[Alert] = []
    for threshold, level in steps:
        after_s = rises_to(value, rate, threshold)
        raising = raise_at(piece, kind, level, present, after_s, {name: threshold, **detail})
        if raising:
            present = level
            alerts += raising
    return alerts


def descend(
    piece: Piece,
    kind: Kind,
    present: Level | None,
    steps: tuple[tuple[float, Level | None], ...],
    value: float,
    rate: float,
) -> list[Alert]:
    """Return the alerts of a *value* that falls by *rate* past *steps*, the highest first: threshold, level below."""
    alerts: list[Alert] = []
    for threshold, level in steps:
        if present is None or (level is not None and level >= present):
            continue
        after_s = falls_to(value, rate, threshold)
        if after_s <= piece.length_s:
            present = level
            alerts.append(Alert(time_s=piece.begin_s + after_s, kind=kind, level=level))
    return alerts
