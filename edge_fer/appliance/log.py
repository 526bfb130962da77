"""The log of the appliance: lines that the journal understands, and none so often that they fill it.

Modules log as usual (``logging.getLogger(__name__)``); `start` decides what the lines look like.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, TextIO

from edge_fer.sources.addresses import scrub
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S: Final = 60.0
"""Least time between two lines of one kind, in seconds."""
MAX_KINDS: Final = 1000
"""Kinds that are remembered."""
PRIORITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""Levels of Python's log → priorities of syslog, as sd-daemon(3) writes them; what is below has 7."""


class Sparing(logging.Filter):
    """Lets one record of each kind through every *every_s* seconds, with the number of those that were left out.

    The kind of a record is its ``kind`` (``log.warning("…", extra={"kind": "camera"})``), else its message before
    arguments are put in.
    """

    def __init__(self, every_s: float = EVERY_S, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._now = now
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, int]] = {}
        """Kind → when a record of it was let through last, and how many were left out since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is written; what was left out before it is noted in it."""
        kind = str(getattr(record, "kind", record.msg))
        with self._lock:
            left_out = self._left_out(kind)
        if left_out is None:
            return False
        record.left_out = left_out
        return True

    def _left_out(self, kind: str) -> int | None:
        """Return how many of *kind* were left out since the last one; None if this one is left out, too."""
        now = self._now()
        last_s, left_out = self._seen.pop(kind, (now - self._every_s, 0))
        if now - last_s < self._every_s:
            self._seen[kind] = (last_s, left_out + 1)
            return None
        self._seen[kind] = (now, 0)
        if len(self._seen) > MAX_KINDS:
            # The one that has been silent for longest.
            del self._seen[next(iter(self._seen))]
        return left_out


class Lines(logging.Formatter):
    """One line for a message, without secrets of addresses; for the journal with the level as a number."""

    def __init__(self, for_journal: bool) -> None:
        super().__init__("%(message)s")
        self._for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        text = printable(scrub(record.getMessage()))
        if record.exc_info and record.exc_info[1] is not None:
            exc = record.exc_info[1]
            text += printable(scrub(f": {type(exc).__name__}: {exc}"))
        left_out = getattr(record, "left_out", 0)
        if left_out:
            text += f" (and {left_out} more of these)"
        if self._for_journal:
            return f"<{priority(record.levelno)}>{text}"
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"{clock} {record.levelname.lower()}: {text}"


def start(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Write the log of edge-fer to *stream*, stderr by default, from *level* on; replaces what was set before."""
    to = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(to)
    handler.setFormatter(Lines(goes_to_journal(to)))
    handler.addFilter(Sparing())
    logger = logging.getLogger("edge_fer")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def priority(level: int) -> int:
    """Return the priority of syslog for *level* of Python's log: 2 critical to 7 debug."""
    for least, number in PRIORITIES:
        if level >= least:
            return number
    return 7


def goes_to_journal(stream: TextIO) -> bool:
    """Return whether *stream* ends in systemd's journal: ``JOURNAL_STREAM`` names its device and inode."""
    named = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{status.st_dev}:{status.st_ino}"
