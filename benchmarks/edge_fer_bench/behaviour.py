"""How states behave over time on a sequence whose labels are known. Accuracy on single faces does not show it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_fer.emotions import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edge_fer_bench.results import Behaviour, Measurement

NO_STATE: Final = ("", UNKNOWN)
"""What the record of a sequence holds where no face was found, or where smoothing was not sure."""


@dataclass(frozen=True)
class StateStability:
    """Figures derived from the recorded changes of state."""

    changes_a_minute: float
    """Changes of the state, right or wrong."""
    shown_a_minute: float
    """Changes of the label that was shown; a perfect classifier would have as many changes of the state."""
    false_a_minute: float
    """Changes of the state to a label that was not shown at that moment."""
    detected_s: tuple[float, ...]
    """Seconds from the moment a label is shown until the state is that label, for each label that was detected."""
    missed: int
    """Labels that were shown and never became the state."""
    unknown: float
    """Share of the time without a state, in [0, 1]."""


def summarize_states(behaviour: Behaviour) -> StateStability:
    """Return how stable, how fast and how correct the states of *behaviour* are."""
    states = spans(behaviour.states, behaviour.seconds)
    shown = spans(behaviour.truth, behaviour.seconds)
    false = 0
    unknown_s = 0.0
    for state in states:
        if state.label in NO_STATE:
            unknown_s += state.end_s - state.start_s
        # Only the moment of the change counts: a state that outlives its label is late, which the delays show.
        elif state.label != _label_at(shown, state.start_s):
            false += 1
    detected_s, missed = _detections(shown, states)
    minutes = behaviour.seconds / 60
    return StateStability(
        # The first span of each is a beginning, not a change.
        changes_a_minute=(len(states) - 1) / minutes,
        shown_a_minute=(len(shown) - 1) / minutes,
        false_a_minute=false / minutes,
        detected_s=tuple(detected_s),
        missed=missed,
        unknown=unknown_s / behaviour.seconds,
    )


def behaviours(measurements: Iterable[Measurement]) -> dict[str, Behaviour]:
    """Return the recorded behaviour of each target, under the name of its bundle and target."""
    by_target: dict[str, Behaviour] = {}
    for measurement in measurements:
        if measurement.behaviour is not None:
            # Recorded once per target: the states are the same with any number of threads.
            by_target.setdefault(f"{measurement.bundle} {measurement.target}", measurement.behaviour)
    return by_target


class Span(NamedTuple):
    """A stretch of time with one label."""

    start_s: float
    end_s: float
    label: str
    """Empty where no face is."""


def spans(changes: Sequence[tuple[float, str]], end_s: float) -> list[Span]:
    """Return the time between *changes*, each ``(time in seconds, label)``, as spans; the last one ends at *end_s*."""
    # Changes have no end of their own; an invented last change gives the last span one.
    with_end = [*changes, (end_s, "")]
    return [Span(start, end, label) for (start, label), (end, _) in pairwise(with_end)]


def _detections(shown: Sequence[Span], states: Sequence[Span]) -> tuple[list[float], int]:
    """Return the delay of each label in *shown* that became the state, and the number of labels that never did."""
    delays_s: list[float] = []
    missed = 0
    for span in shown:
        if not span.label:  # no face was shown
            continue
        delay_s = _detection_delay_s(span, states)
        if delay_s is None:
            missed += 1
        else:
            delays_s.append(delay_s)
    return delays_s, missed


def _detection_delay_s(shown: Span, states: Sequence[Span]) -> float | None:
    """Return the seconds from the start of *shown* until one of *states* is its label; None if none ever is."""
    for state in states:  # in the order of time, so the first one that fits is the earliest
        overlaps = state.end_s > shown.start_s and state.start_s < shown.end_s
        if overlaps and state.label == shown.label:
            # A state that began earlier, by chance or as the same label before a pause, is detected at once.
            return max(state.start_s, shown.start_s) - shown.start_s
    return None


def _label_at(shown: Sequence[Span], time_s: float) -> str:
    """Return the label at *time_s*; empty before the first span."""
    for span in reversed(shown):
        if span.start_s <= time_s:
            return span.label
    return ""
