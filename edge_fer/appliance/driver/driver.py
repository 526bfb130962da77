"""Runs the policy on one driver, and makes events of its alerts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Event, Kind
from edge_fer.driving.monitor import Monitor
from edge_fer.driving.observation import Observation
from edge_fer.driving.words import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from edge_fer.appliance.driver.settings import DrivingSettings
    from edge_fer.appliance.driver.speed import Speed
    from edge_fer.driving import alerts
    from edge_fer.driving.monitor import Step

SUBJECT: Final = "driver: "
"""What the subject of an alert's event begins with; its kind follows."""
MOST_RECENT: Final = 20
"""Alerts that the page lists."""


@dataclass
class _Raised:
    """An alert from when it was raised until it was cleared."""

    kind: alerts.Kind
    level: alerts.Level
    """The highest so far."""
    since_s: float
    until_s: float | None = None


class Driver:
    """Watches one driver, on the monotonic clock of the service. Not to be used by two threads at the same time."""

    def __init__(self, settings: DrivingSettings, speed: Speed | None, now_s: float) -> None:
        self._monitor = Monitor(settings.parameters)
        self._speed = speed
        self._now_s = now_s
        self._newest: Observation | None = None
        self._levels: dict[alerts.Kind, alerts.Level] = {}
        """What the events so far have told."""
        self._recent: deque[_Raised] = deque(maxlen=MOST_RECENT)

    def saw(self, observed: Mapping[str, Any], now_s: float, time: datetime) -> list[Event]:
        """Take what the watcher tells of a frame that came at *now_s*, at *time* of the wall clock.

        Return what it has changed. Raises `ValueError` for what is no observation.
        """
        # A thread that waited until the loop had looked must not turn the time back.
        self._now_s = max(self._now_s, now_s)
        seen = {**observed, "time_s": self._now_s, "speed_kmh": self._kmh()}
        return self._events(self._monitor.saw(Observation.model_validate(seen)), time)

    def tick(self, now_s: float, time: datetime) -> list[Event]:
        """Note that it is *now_s*, whether or not frames come. Return what that has changed."""
        self._now_s = max(self._now_s, now_s)
        if self._speed is not None:
            self._speed.tick()
        step = self._monitor.tick(self._now_s, self._kmh())
        return [] if step is None else self._events(step, time)

    def end(self, time: datetime, reason: str) -> list[Event]:
        """Clear all that is raised, for *reason*; then it is to be closed."""
        return [self._event(kind, None, time, {"reason": reason}) for kind in list(self._levels)]

    def close(self) -> None:
        """Let go of the source of the speed; takes a second at most."""
        if self._speed is not None:
            self._speed.close()

    def now(self) -> dict[str, Any]:
        """Return what is seen and raised now, as the page receives it with every moment."""
        known: dict[str, Any] = {"sight": None}
        shown = self._monitor.shown
        if self._newest is not None and shown is not None:
            known = self._newest.model_dump(mode="json", include={"sight", "hindrance"}, exclude_none=True)
            known |= shown.model_dump(mode="json", exclude_none=True)
        raised = {kind.value: level_name(level) for kind, level in self._levels.items()}
        return {**known, "at_s": round(self._now_s, 3), "raised": raised, "level": self._loudest()}

    def status(self, now_s: float) -> dict[str, Any]:
        """Return that, and the newest alerts, the last one first."""
        recent = []
        for one in reversed(self._recent):
            lasted_s = None if one.until_s is None else round(one.until_s - one.since_s, 1)
            recent.append(
                {
                    "kind": one.kind.value,
                    "level": level_name(one.level),
                    "age_s": round(max(0.0, now_s - one.since_s), 1),
                    "lasted_s": lasted_s,
                }
            )
        return {**self.now(), "recent": recent}

    def _kmh(self) -> float | None:
        return None if self._speed is None else self._speed.kmh()

    def _loudest(self) -> str | None:
        return level_name(max(self._levels.values())) if self._levels else None

    def _events(self, step: Step, time: datetime) -> list[Event]:
        self._newest = step.observation
        events = []
        for alert in step.alerts:
            self._remember(alert)
            # The moment that the alert is about, not that at which the next frame told of it.
            ago = timedelta(seconds=max(0.0, self._now_s - alert.time_s))
            events.append(self._event(alert.kind, alert.level, time - ago, alert.detail))
        return events

    def _event(self, kind: alerts.Kind, level: alerts.Level | None, time: datetime, detail: Mapping[str, Any]) -> Event:
        before = self._levels.pop(kind, None)
        if level is not None:
            self._levels[kind] = level
            detail = {**detail, "words": SENTENCES[kind]}
        was = None if before is None else level_name(before)
        becomes = None if level is None else level_name(level)
        return Event(time, Kind.ALERT, f"{SUBJECT}{kind.value}", was, becomes, dict(detail))

    def _remember(self, alert: alerts.Alert) -> None:
        for one in self._recent:
            if one.kind is alert.kind and one.until_s is None:
                if alert.level is None:
                    one.until_s = alert.time_s
                else:
                    one.level = max(one.level, alert.level)
                return
        if alert.level is not None:
            self._recent.append(_Raised(alert.kind, alert.level, alert.time_s))


def level_name(level: alerts.Level) -> str:
    """Return *level* as events and outlets call it: ``advice``, ``notice``, ``warning``, ``alarm``."""
    return level.name.lower()
