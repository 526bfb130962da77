"""The time between two observations, cut where anything changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_fer.driving.policy import filters
from edge_fer.driving.policy.filters import Filter, Tuning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.reading import Reading


@dataclass(frozen=True, slots=True)
class Signals:
    """What the filters make of the readings."""

    away: Filter = field(default_factory=Filter)
    closed: Filter = field(default_factory=Filter)
    upset: Filter = field(default_factory=Filter)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time in which nothing switches, so that all that is counted grows or shrinks evenly."""

    begin_s: float
    length_s: float
    reading: Reading
    newest: Reading
    """Of the observation that ends the stretch: nothing is raised that it does not confirm."""
    pace: float
    """Seconds of the timers of looks away in a second: less than 1 where more time is given."""
    signals: Signals

    @property
    def confirms_away(self) -> bool:
        """Whether a look away may be alerted: filter, reading and the newest observation say so."""
        return self.signals.away.on and self.reading.away is True and self.newest.away is True

    @property
    def confirms_closed(self) -> bool:
        """Whether closed eyes may be alerted."""
        return self.signals.closed.on and self.reading.closed is True and self.newest.closed is True


def away_tuning(parameters: Parameters) -> Tuning:
    """Return the tuning of the filter of looks away."""
    return Tuning(parameters.away_filter_s, parameters.filter_on, parameters.filter_off)


def closed_tuning(parameters: Parameters) -> Tuning:
    """Return the tuning of the filter of closed eyes."""
    return Tuning(parameters.eyes_filter_s, parameters.filter_on, parameters.filter_off)


def upset_tuning(parameters: Parameters) -> Tuning:
    """Return the tuning of the filter of strong emotions."""
    return Tuning(parameters.emotion_filter_s, parameters.filter_on, parameters.filter_off)


def cut(
    signals: Signals, begin_s: float, length_s: float, reading: Reading, newest: Reading, parameters: Parameters
) -> Iterator[tuple[Piece, Signals]]:
    """Yield the pieces of *length_s* of *reading*, each with the signals after it."""
    pace = pace_at(reading.speed_kmh, parameters)
    while length_s > 0:
        piece_s = min(length_s, _until_switch(signals, reading, parameters))
        after = _passed(signals, reading, piece_s, parameters)
        yield Piece(begin_s, piece_s, reading, newest, pace, signals), after
        signals = after
        begin_s += piece_s
        length_s -= piece_s


def _until_switch(signals: Signals, reading: Reading, parameters: Parameters) -> float:
    return min(
        filters.until_switch(signals.away, reading.away, away_tuning(parameters)),
        filters.until_switch(signals.closed, reading.closed, closed_tuning(parameters)),
        filters.until_switch(signals.upset, bool(reading.upset), upset_tuning(parameters)),
    )


def _passed(signals: Signals, reading: Reading, length_s: float, parameters: Parameters) -> Signals:
    return Signals(
        filters.passed(signals.away, reading.away, away_tuning(parameters), length_s),
        filters.passed(signals.closed, reading.closed, closed_tuning(parameters), length_s),
        filters.passed(signals.upset, bool(reading.upset), upset_tuning(parameters), length_s),
    )


def pace_at(speed_kmh: float | None, parameters: Parameters) -> float:
    """Return how fast the timers of looks away run at *speed_kmh*. A change of speed loses nothing they counted."""
    if speed_kmh is None or speed_kmh >= parameters.fast_kmh:
        return 1.0
    if speed_kmh >= parameters.slow_kmh:
        return 1 / parameters.medium_factor
    return 1 / parameters.slow_factor
