"""Tells what happens to the parts: in the status, as events, and in the log, where each kind stands once a minute."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Event, Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from edge_fer.appliance.status import Status
    from edge_fer.clock import Clock

log = logging.getLogger("edge_fer.appliance")

QUIET_S: Final = 60.0
"""Time between two lines of one kind."""
WORKING: Final = "working"
FAILING: Final = "failing"


class Reporter:
    """Everything that happens is told here. May be used from any thread.

    *publish* is handed each event; *wall* is the time for people, *clock* the one that measures.
    """

    def __init__(
        self, status: Status, publish: Callable[[Event], None], wall: Callable[[], datetime], clock: Clock
    ) -> None:
        self._status = status
        self._publish = publish
        self._wall = wall
        self._clock = clock
        self._lock = threading.Lock()
        self._quiet_until_s: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def works(self, part: str) -> None:
        """Note that *part* works."""
        if self._status.works(part):
            self.say(part, f"{part} works again", logging.INFO)
            self._health(part, FAILING, WORKING, {})

    def fails(self, part: str, fault: str) -> None:
        """Note that *part* does not work, and why."""
        if self._status.fails(part, fault):
            self.count(f"{part}_faults")
            self.say(part, f"{part}: {fault}")
            self._health(part, WORKING, FAILING, {"fault": fault})

    def restarted(self, part: str, reason: str) -> None:
        """Note that *part* is started again, and why."""
        self._status.restarted(part)
        self.count(f"{part}_restarts")
        self.say(f"{part} restarts", f"{part} is started again: {reason}")
        self._health(part, WORKING, "restarting", {"reason": reason})

    def notice(self, subject: str, before: str | None, after: str | None, words: str, **detail: Any) -> None:
        """Tell of something that explains what was seen."""
        self.count(f"{subject}_notices")
        self.say(subject, f"{subject}: {words}")
        self._publish(Event(self._wall(), Kind.NOTICE, subject, before, after, {"words": words, **detail}))

    def count(self, what: str, number: int = 1) -> None:
        """Count *number* more of *what*."""
        self._status.count(what, number)

    def say(self, kind: str, words: str, level: int = logging.WARNING) -> None:
        """Log *words*, unless something of that *kind* was logged within a minute: then the next line counts it."""
        with self._lock:
            now = self._clock.now()
            if now < self._quiet_until_s.get(kind, now):
                self._untold[kind] = self._untold.get(kind, 0) + 1
                return
            self._quiet_until_s[kind] = now + QUIET_S
            untold = self._untold.pop(kind, 0)
        more = f" (and {untold} more since the last line of this kind)" if untold else ""
        log.log(level, "%s%s", words, more)

    def _health(self, part: str, before: str, after: str, detail: dict[str, Any]) -> None:
        self._publish(Event(self._wall(), Kind.HEALTH, part, before, after, detail))
