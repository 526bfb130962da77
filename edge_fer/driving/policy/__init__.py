"""What to say when: a sequence of observations becomes alerts.

Pure functions: no clock, no camera, no random number. The same observations give the same alerts, bit by bit. All is
counted in seconds of continuous time, never in frames: what an observation says holds from half-way to its neighbours,
and an alert has the moment at which its threshold is crossed.

One module a rule, `rules` applies them all to a `pieces.Piece` of time: a stretch in which nothing switches.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert
from edge_fer.driving.observation import Sight
from edge_fer.driving.policy import person, pieces, presence, rules
from edge_fer.driving.policy.raising import applied
from edge_fer.driving.policy.reading import read, usable_opening, usable_pose
from edge_fer.driving.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.alerts import Kind, Level
    from edge_fer.driving.observation import Observation
    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.reading import Reading

__all__ = ["State", "begin", "raised", "step"]


def begin() -> State:
    """Return the state before the first observation."""
    return State()


def raised(state: State) -> Mapping[Kind, Level]:
    """Return what is raised now."""
    return state.raised


def step(state: State, observation: Observation, parameters: Parameters) -> tuple[State, tuple[Alert, ...]]:
    """Return the state after *observation*, and what it raises, lowers or clears, in the order of time.

    After a clock that jumped, or a gap of more than ``gap_s``, nothing is counted for the time between; what is raised
    stays so, and what is learned.
    """
    newest = _read(observation, state, parameters)
    elapsed_s = 0.0 if state.time_s is None else observation.time_s - state.time_s
    alerts: list[Alert] = []
    if 0 < elapsed_s <= parameters.gap_s:
        for begin_s, length_s, reading in _halves(state, newest, observation.time_s):
            state, changes = _passed(state, begin_s, length_s, reading, newest, parameters)
            alerts += changes
            if state.time_s is None:
                newest = _read(observation, state, parameters)
                break
        state = _learned(state, observation, elapsed_s, parameters)
    return replace(state, time_s=observation.time_s, reading=newest), tuple(alerts)


def _read(observation: Observation, state: State, parameters: Parameters) -> Reading:
    was_seen = presence.was_seen(state.presence, parameters)
    return read(observation, state.person, was_seen, state.signals.closed.on, parameters)


def _halves(state: State, newest: Reading, time_s: float) -> tuple[tuple[float, float, Reading], ...]:
    """Return what holds since the last observation: begin, length, reading.

    A stale picture holds all the time, since nothing was seen meanwhile; so does what has not changed.
    """
    if state.time_s is None or state.reading is None:
        return ()
    elapsed_s = time_s - state.time_s
    if newest.sight is Sight.STALE or newest == state.reading:
        return ((state.time_s, elapsed_s, newest),)
    half_s = elapsed_s / 2
    return (state.time_s, half_s, state.reading), (state.time_s + half_s, half_s, newest)


def _passed(
    state: State, begin_s: float, length_s: float, reading: Reading, newest: Reading, parameters: Parameters
) -> tuple[State, list[Alert]]:
    """Return *state* after *length_s* of *reading*, and what that changes. A drive that is over forgets everything."""
    over_s = presence.until_over(state.presence, reading, parameters)
    counted_s = min(length_s, over_s)
    alerts: list[Alert] = []
    timers = state.timers
    shown = state.raised
    signals = state.signals
    for piece, signals_after in pieces.cut(signals, begin_s, counted_s, reading, newest, parameters):
        timers, changes = rules.passed(timers, shown, piece, parameters)
        shown = applied(shown, changes)
        alerts += changes
        signals = signals_after
    if over_s <= length_s:
        alerts += [Alert(time_s=begin_s + over_s, kind=kind, level=None) for kind in shown]
        return State(), alerts
    present = presence.passed(state.presence, reading, length_s, parameters)
    return replace(state, presence=present, timers=timers, raised=shown, signals=signals), alerts


def _learned(state: State, observation: Observation, length_s: float, parameters: Parameters) -> State:
    pose = usable_pose(observation, parameters)
    opening = usable_opening(observation, parameters)
    return replace(state, person=person.learned(state.person, pose, opening, length_s, parameters))
