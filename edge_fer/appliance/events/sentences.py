"""Events in words, for people at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Event, Kind
from edge_fer.text import printable

if TYPE_CHECKING:
    from datetime import tzinfo

MAX_DETAIL: Final = 100
"""Longest detail in a line, in characters."""
MAX_STATES: Final = 3


def line(event: Event, zone: tzinfo | None = None) -> str:
    """Return *event* in one line, with its time in *zone*; by default in this machine's."""
    time = event.time.astimezone(zone)
    words = _face(event) if event.kind is Kind.FACE else _change(event)
    # Words come from settings, bundles and servers.
    return printable(f"{time:%Y-%m-%d %H:%M:%S}  {event.kind.value:<6}  {event.subject:<12}  {words}")


def _face(event: Event) -> str:
    if event.before is None:
        return f"came, {event.after}"
    if event.after is not None:
        return f"{event.before} → {event.after}"
    stayed = f"went after {_number(event.detail.get('stayed_s'))} s"
    states = event.detail.get("states_s")
    if not isinstance(states, dict):
        return stayed
    longest = sorted(states.items(), key=lambda item: -_seconds(item[1]))[:MAX_STATES]
    return f"{stayed}: " + ", ".join(f"{state} {_number(seconds)} s" for state, seconds in longest)


def _change(event: Event) -> str:
    states = " → ".join(state for state in (event.before, event.after) if state is not None)
    details = ", ".join(f"{name}: {value}" for name, value in event.detail.items() if value is not None)
    if len(details) > MAX_DETAIL:
        details = f"{details[:MAX_DETAIL]}…"
    return f"{states}  ({details})" if details else states


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _number(value: Any) -> str:
    return f"{_seconds(value):.1f}"
