"""What is said of alerts, in English."""

from __future__ import annotations

from typing import Final

from edge_fer.driving.alerts import Alert, Kind

SENTENCES: Final = {
    Kind.LOOKS_AWAY: "look at the road",
    Kind.GLANCES: "too many looks away from the road",
    Kind.MICROSLEEP: "the eyes were closed: a microsleep",
    Kind.SLEEP: "the driver sleeps",
    Kind.UNRESPONSIVE: "the driver does not respond",
    Kind.DROWSY: "the eyes are closed too often: take a break",
    Kind.EMOTION: "strong anger or fear that lasts",
    Kind.CANNOT_MONITOR: "the driver cannot be monitored",
    Kind.EYES_UNSEEN: "the eyes cannot be seen",
    Kind.LOCKED_OUT: "too many alarms: stop the vehicle and rest",
}
"""One for each kind."""

NOTICE: Final = "No type-approved safety device: it misses things, and the driver stays responsible."


def level(number: int, *, with_eyes: bool) -> str:
    """Return what level *number* of observation can tell."""
    if number == 1:
        return "level 1: tells only whether the face points at the road; claims nothing about eyes"
    eyes = "whether the eyes are closed" if with_eyes else "nothing about eyes without --eyes"
    return f"level 2: also where the head points, and {eyes}"


def sentence(alert: Alert) -> str:
    """Return what *alert* says."""
    details = [_detail(name, value) for name, value in alert.detail.items()]
    return SENTENCES[alert.kind] + (f" ({', '.join(details)})" if details else "")


def _detail(name: str, value: object) -> str:
    """Return one detail with its unit, which the end of its name tells."""
    if name.endswith("_s"):
        return f"{name.removesuffix('_s')} {value:.1f} s"
    if isinstance(value, float):
        return f"{name} {value:.0%}"
    return f"{name} {value}" if isinstance(value, int) else str(value)
