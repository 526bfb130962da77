"""From frames to changes: who came, whose state changed, who went.

Nothing here asks a clock: durations come from the moments' own monotonic time, the times of events are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Event, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from edge_fer.appliance.events.settings import EventSettings
    from edge_fer.appliance.latest import Moment

MAX_LABELS: Final = 64
"""Most labels of which one visit keeps seconds and scores."""


@dataclass
class _Candidate:
    """A state that may become the state of a visit, if it lasts."""

    state: str
    since: datetime
    lasted_s: float = 0.0


@dataclass
class _Visit:
    """What is remembered of one face that is, or was a moment ago, in view."""

    came: datetime
    came_s: float
    seen: datetime
    """When it was last seen."""
    seen_s: float
    state: str
    """As it was in the newest frame."""
    told: str | None = None
    """State that the last event told; None before somebody came."""
    told_s: float = 0.0
    in_view: bool = True
    """Whether the newest frame shows it."""
    candidate: _Candidate | None = None
    frames: int = 0
    seen_for_s: float = 0.0
    states_s: dict[str, float] = field(default_factory=dict)
    means: dict[str, float] = field(default_factory=dict)


class Changes:
    """Makes events of moments. Of each track, events alternate: it came, changed its state, and went.

    Each event has the time at which the change began, so that it does not depend on how long somebody waited to be
    sure. Memory is bounded by ``max_faces``, whatever the ids of tracks are.
    """

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings
        self._visits: dict[int, _Visit] = {}
        self._now_s = float("-inf")
        self.left_out = 0
        """How many moments held faces beyond ``max_faces``."""

    def of(self, moment: Moment, time: datetime) -> list[Event]:
        """Return what *moment*, which came at *time*, has changed."""
        # A clock that is set back would count negative seconds.
        self._now_s = max(self._now_s, moment.came_s)
        faces = {face["track"]: face for face in moment.record["faces"]}
        for track, visit in self._visits.items():
            visit.in_view = visit.in_view and track in faces
        events = self._expire()
        is_complete = True
        for track, face in faces.items():
            if track not in self._visits:
                if not self._has_room():
                    is_complete = False
                    continue
                self._visits[track] = _Visit(time, self._now_s, time, self._now_s, face["state"])
            event = self._see(track, self._visits[track], face, time)
            if event is not None:
                events.append(event)
        self.left_out += not is_complete
        return events

    def gone(self, time: datetime, reason: str | None = None) -> list[Event]:
        """End all visits: from *time* on, nobody looks. *reason* becomes part of the events.

        They have the time at which each face was last seen, or *time* if the clock was set back since then.
        """
        events = []
        for track, visit in self._visits.items():
            if visit.told is None:
                continue
            visit.seen = min(visit.seen, time)
            event = _went(track, visit)
            if reason is not None:
                event.detail["reason"] = reason
            events.append(event)
        self._visits.clear()
        return events

    def _has_room(self) -> bool:
        """Return whether one more visit may begin. Who was seen for a moment only makes room."""
        if len(self._visits) >= self._settings.max_faces:
            for track, visit in list(self._visits.items()):
                if visit.told is None and not visit.in_view:
                    del self._visits[track]
        return len(self._visits) < self._settings.max_faces

    def _expire(self) -> list[Event]:
        """Return the events of those who were out of sight for too long, and forget them."""
        events = []
        for track, visit in list(self._visits.items()):
            # Who is in this frame and was in the one before has not gone, however much time was between them.
            if visit.in_view or self._now_s - visit.seen_s <= self._settings.grace_s:
                continue
            del self._visits[track]
            if visit.told is not None:
                events.append(_went(track, visit))
        return events

    def _see(self, track: int, visit: _Visit, face: Mapping[str, Any], time: datetime) -> Event | None:
        """Take *face* of the newest frame into *visit*. Return what has changed."""
        # What happened while it was out of sight is not known, so that time counts for no state.
        elapsed_s = self._now_s - visit.seen_s if visit.in_view else 0.0
        _count(visit, face, elapsed_s)
        visit.seen = time
        visit.seen_s = self._now_s
        visit.in_view = True
        visit.state = face["state"]
        if visit.told is None:
            return self._came(track, visit, face)
        return self._changed(track, visit, face, elapsed_s)

    def _came(self, track: int, visit: _Visit, face: Mapping[str, Any]) -> Event | None:
        if visit.seen_for_s < self._settings.come_s:
            return None
        visit.told = visit.state
        visit.told_s = visit.came_s
        return Event(visit.came, Kind.FACE, _subject(track), None, visit.told, {"scores": _rounded(face["smoothed"])})

    def _changed(self, track: int, visit: _Visit, face: Mapping[str, Any], elapsed_s: float) -> Event | None:
        candidate = visit.candidate
        if visit.state == visit.told:
            visit.candidate = None
            return None
        if candidate is None or candidate.state != visit.state:
            candidate = _Candidate(visit.state, visit.seen)
            visit.candidate = candidate
        else:
            candidate.lasted_s += elapsed_s
        if candidate.lasted_s < self._settings.dwell_s:
            return None
        before = visit.told
        began_s = self._now_s - candidate.lasted_s
        detail = {"lasted_s": round(began_s - visit.told_s, 1), "scores": _rounded(face["smoothed"])}
        visit.told = candidate.state
        visit.told_s = began_s
        visit.candidate = None
        return Event(candidate.since, Kind.FACE, _subject(track), before, visit.told, detail)


def _count(visit: _Visit, face: Mapping[str, Any], elapsed_s: float) -> None:
    """Add the seconds since the frame before to the state that it had, and the scores of *face* to the means."""
    visit.frames += 1
    visit.seen_for_s += elapsed_s
    if visit.state in visit.states_s or len(visit.states_s) < MAX_LABELS:
        visit.states_s[visit.state] = visit.states_s.get(visit.state, 0.0) + elapsed_s
    for label, score in face["scores"].items():
        if label in visit.means or len(visit.means) < MAX_LABELS:
            mean = visit.means.get(label, 0.0)
            visit.means[label] = mean + (score - mean) / visit.frames


def _went(track: int, visit: _Visit) -> Event:
    detail = {
        "stayed_s": round(visit.seen_s - visit.came_s, 1),
        "states_s": {state: round(seconds, 1) for state, seconds in visit.states_s.items()},
        "mean_scores": _rounded(visit.means),
    }
    return Event(visit.seen, Kind.FACE, _subject(track), visit.told, None, detail)


def _subject(track: int) -> str:
    return f"track {track}"


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: round(score, 3) for label, score in scores.items()}
