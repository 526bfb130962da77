"""What states do over time on a sequence whose labels are known; a classifier's accuracy says nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from edge_fer.emotions import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_fer_bench.results import Behaviour

    Changes = Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Conduct:
    """Derived figures."""

    changes_a_minute: float
    """Of the state, whatever was shown."""
    shown_a_minute: float
    """Changes of what was shown: as many would be right."""
    false_a_minute: float
    """Times that a state began which was not shown."""
    detected_s: tuple[float, ...]
    """From a change of what is shown to the first moment at which the state is that; for those that were detected."""
    missed: int
    """Labels that were shown and never became the state."""
    unknown: float
    """Share of the time without a state."""


def conduct(behaviour: Behaviour) -> Conduct:
    """Derive how states behaved."""
    minutes = behaviour.seconds / 60
    delays = list(_delays(behaviour))
    false = sum(state not in ("", UNKNOWN, _at(behaviour.truth, at)) for at, state in behaviour.states)
    unknown = sum(end - at for at, state, end in _spans(behaviour.states, behaviour.seconds) if state in ("", UNKNOWN))
    return Conduct(
        changes_a_minute=(len(behaviour.states) - 1) / minutes,
        shown_a_minute=(len(behaviour.truth) - 1) / minutes,
        false_a_minute=false / minutes,
        detected_s=tuple(delay for delay in delays if delay is not None),
        missed=sum(delay is None for delay in delays),
        unknown=unknown / behaviour.seconds,
    )


def _delays(behaviour: Behaviour) -> Iterator[float | None]:
    """Yield, for each label shown, the seconds until the state was that; None where it never was."""
    states = list(_spans(behaviour.states, behaviour.seconds))
    for at, label, end in _spans(behaviour.truth, behaviour.seconds):
        if label:
            when = (max(begin, at) for begin, state, until in states if state == label and until > at and begin < end)
            moment = next(when, None)
            yield None if moment is None else moment - at


def _spans(changes: Changes, end_s: float) -> Iterator[tuple[float, str, float]]:
    """Yield ``(from, word, to)`` of each word."""
    for (at, word), (until, _) in pairwise([*changes, (end_s, "")]):
        yield at, word, until


def _at(changes: Changes, time_s: float) -> str:
    return next((word for at, word in reversed(changes) if at <= time_s), "")
