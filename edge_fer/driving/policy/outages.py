"""What cannot be seen: the driver, or only his eyes. The second policy says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_fer.driving.alerts import Alert, Kind, Level
from edge_fer.driving.observation import Sight
from edge_fer.driving.policy.crossings import rises_to
from edge_fer.driving.policy.raising import clear_at, climb
from edge_fer.driving.policy.reading import Gaze, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.driving.parameters import Parameters
    from edge_fer.driving.policy.pieces import Piece


Steps = tuple[tuple[float, Level], ...]
"""Seconds from which on a level is raised, the lowest first."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Seconds of not seeing, of which seeing takes back as many as it lasts, and seconds of seeing since."""

    unseen_s: float = 0.0
    seen_s: float = 0.0


def driver(
    outage: Outage, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters
) -> tuple[Outage, list[Alert]]:
    """Return the *outage* after *piece*: whether anything can be said of the driver at all."""
    steps: Steps = ((parameters.unseen_notice_s, Level.NOTICE), (parameters.unseen_warning_s, Level.WARNING))
    if not piece.reading.has_driver:
        steps = steps[:1]  # a camera in the dark of a parked car is told once
    is_out = piece.reading.gaze is Gaze.UNKNOWN
    was_confirmed = piece.newest.gaze is Gaze.UNKNOWN
    return _passed(outage, raised, piece, parameters, Kind.CANNOT_MONITOR, steps, is_out, was_confirmed)


def eyes(
    outage: Outage, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters
) -> tuple[Outage, list[Alert]]:
    """Return the *outage* after *piece*: whether the eyes can be watched, in a face that looks at the road."""
    steps = ((parameters.unseen_notice_s, Level.ADVICE),)
    if piece.reading.sight is not Sight.FACE or piece.reading.gaze is not Gaze.ATTENTIVE:
        return outage, []
    is_out = _eyes_missed(piece.reading)
    was_confirmed = _eyes_missed(piece.newest)
    return _passed(outage, raised, piece, parameters, Kind.EYES_UNSEEN, steps, is_out, was_confirmed)


def _eyes_missed(reading: Reading) -> bool:
    return reading.eyes_seen is False


def _passed(
    outage: Outage,
    raised: Mapping[Kind, Level],
    piece: Piece,
    parameters: Parameters,
    kind: Kind,
    steps: Steps,
    is_out: bool,
    was_confirmed: bool,
) -> tuple[Outage, list[Alert]]:
    if not is_out:
        return _seen(outage, raised, piece, parameters, kind)
    alerts: list[Alert] = []
    if was_confirmed:
        reason = piece.reading.reason or "eyes not measured"
        alerts = climb(piece, kind, raised, steps, outage.unseen_s, piece.pace, "unseen_s", {"reason": reason})
    most_s = steps[-1][0]
    return Outage(min(outage.unseen_s + piece.length_s * piece.pace, most_s)), alerts


def _seen(
    outage: Outage, raised: Mapping[Kind, Level], piece: Piece, parameters: Parameters, kind: Kind
) -> tuple[Outage, list[Alert]]:
    alerts = clear_at(piece, kind, raised, rises_to(outage.seen_s, 1.0, parameters.seen_again_s))
    seen_s = min(outage.seen_s + piece.length_s, parameters.seen_again_s)
    if seen_s >= parameters.seen_again_s:
        return Outage(0.0, seen_s), alerts
    return Outage(max(outage.unseen_s - piece.length_s, 0.0), seen_s), alerts
