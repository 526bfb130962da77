"""Long looks away: time that is spent, and forgiven."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.policy import runs
from edge_fer.driving.policy.pieces import Piece, away_tuning
from edge_fer.driving.policy.raising import climb, descend
from edge_fer.driving.policy.runs import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Attention:
    """What is known of looks away at a filter's lag ago; alerts look ahead by that lag, and so come in time."""

    spent_s: float = 0.0
    """Of the time for looks away, from 0 to that of the alarm."""
    run: Run = field(default_factory=Run)
    """On: of the present look away; off: since the last one."""
    alarm_s: float = 0.0
    """Since the alarm was raised; 0 without one."""
    lead_s: float = 0.0
    """By what alerts look ahead in the present look away: the lag, as the timer counted it when the look began."""


def passed(
    attention: Attention, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters
) -> tuple[Attention, list[Alert]]:
    """Return *attention* after *piece*, and what it raises, lowers or clears. What cannot be seen counts as nothing."""
    if piece.reading.away is None:
        return attention, []
    is_away = piece.signals.away.on
    attention = _switched(attention, is_away, piece, parameters)
    rate = _rate(is_away, raised, piece, parameters)
    alerts: list[Alert] = []
    if piece.confirms_away:
        alerts = _raised(attention, raised, piece, rate, parameters)
    elif not is_away:
        alerts = _lowered(attention, raised, piece, rate, parameters)
    spent_s = min(max(attention.spent_s + rate * piece.length_s, 0.0), parameters.away_alarm_s)
    run = runs.passed(attention.run, is_away, piece.length_s)
    return Attention(spent_s, run, _alarm_s(attention, raised, alerts, piece), attention.lead_s), alerts


def _switched(attention: Attention, is_away: bool, piece: Piece, parameters: Parameters) -> Attention:
    """Note the lag where a look begins; where it ends, make up for the change of speed in between."""
    if is_away == (attention.run.on_s > 0):
        return attention
    lag_s = piece.pace * away_tuning(parameters).lag_s
    if is_away:
        return replace(attention, lead_s=lag_s)
    if attention.run.off_s > 0:
        return attention
    spent_s = min(max(attention.spent_s + attention.lead_s - lag_s, 0.0), parameters.away_alarm_s)
    return replace(attention, spent_s=spent_s)


def _rate(is_away: bool, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters) -> float:
    if is_away:
        return piece.pace
    if raised.get(Kind.LOOKS_AWAY) is Level.ALARM:
        return -piece.pace * parameters.recovery_factor_after_alarm
    return -piece.pace * parameters.recovery_factor


def _raised(
    attention: Attention, raised: Mapping[Kind, Level], piece: Piece, rate: float, parameters: Parameters
) -> list[Alert]:
    steps = (
        (parameters.away_notice_s, Level.NOTICE),
        (parameters.away_warning_s, Level.WARNING),
        (parameters.away_alarm_s, Level.ALARM),
    )
    now_s = attention.spent_s + attention.lead_s
    return climb(piece, Kind.LOOKS_AWAY, raised, steps, now_s, rate, "away_s", {"reason": piece.reading.reason})


def _lowered(
    attention: Attention, raised: Mapping[Kind, Level], piece: Piece, rate: float, parameters: Parameters
) -> list[Alert]:
    now_s = attention.spent_s + rate * away_tuning(parameters).lag_s
    present = raised.get(Kind.LOOKS_AWAY)
    steps: tuple[tuple[float, Level | None], ...] = ((0.0, None),)
    if present is not Level.ALARM:
        steps = (
            (parameters.away_warning_s - parameters.away_hysteresis_s, Level.NOTICE),
            (parameters.away_notice_s - parameters.away_hysteresis_s, None),
        )
    return descend(piece, Kind.LOOKS_AWAY, present, steps, now_s, rate)


def _alarm_s(attention: Attention, raised: Mapping[Kind, Level], alerts: list[Alert], piece: Piece) -> float:
    if alerts and alerts[-1].level is Level.ALARM:
        return piece.begin_s + piece.length_s - alerts[-1].time_s
    if raised.get(Kind.LOOKS_AWAY) is Level.ALARM and not alerts:
        return attention.alarm_s + piece.length_s
    return 0.0
