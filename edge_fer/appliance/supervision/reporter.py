"""Tells what happens to the parts: in the status, as events, and in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Event, Kind
from edge_fer.sources.addresses import scrub
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from edge_fer.appliance.status import Status

log = logging.getLogger("edge_fer.appliance")

WORKING: Final = "working"
FAILING: Final = "failing"


class Reporter:
    """Everything that happens is told here. May be used from any thread.

    *publish* is handed each event; *wall* is the time for people.
    """

    def __init__(self, status: Status, publish: Callable[[Event], None], wall: Callable[[], datetime]) -> None:
        self._status = status
        self._publish = publish
        self._wall = wall

    def works(self, part: str) -> None:
        """Note that *part* works."""
        if self._status.works(part):
            self.say(f"{part} works", f"{part} works again", logging.INFO)
            self._health(part, FAILING, WORKING, {})

    def fails(self, part: str, fault: str) -> None:
        """Note that *part* does not work, and why."""
        fault = _shown(fault)
        if self._status.fails(part, fault):
            self.count(f"{part}_faults")
            self.say(f"{part} fails", f"{part}: {fault}")
            self._health(part, WORKING, FAILING, {"fault": fault})

    def restarted(self, part: str, reason: str) -> None:
        """Note that *part* is started again, and why."""
        reason = _shown(reason)
        self._status.restarted(part)
        self.count(f"{part}_restarts")
        self.say(f"{part} restarts", f"{part} is started again: {reason}")
        self._health(part, WORKING, "restarting", {"reason": reason})

    def notice(self, subject: str, before: str | None, after: str | None, words: str, **detail: Any) -> None:
        """Tell of something that explains what was seen."""
        words = _shown(words)
        self.count(f"{subject}_notices")
        self.say(f"{subject} notice", f"{subject}: {words}")
        self._publish(Event(self._wall(), Kind.NOTICE, subject, before, after, {"words": words, **detail}))

    def count(self, what: str, number: int = 1) -> None:
        """Count *number* more of *what*."""
        self._status.count(what, number)

    def say(self, kind: str, words: str, level: int = logging.WARNING) -> None:
        """Log *words*. The log has one line a minute of each *kind*, and counts the others."""
        log.log(level, "%s", words, extra={"kind": kind})

    def _health(self, part: str, before: str, after: str, detail: dict[str, Any]) -> None:
        self._publish(Event(self._wall(), Kind.HEALTH, part, before, after, detail))


def _shown(words: str) -> str:
    """Return *words* in one line, without the password of an address: they are kept, and sent to others."""
    return printable(scrub(words))
