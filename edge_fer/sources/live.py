"""What live sources share: captures, deadlines, pauses before each try to reopen, and what they say about faults."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, runtime_checkable

from edge_fer.errors import SourceError
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.clock import Clock

log = logging.getLogger(__name__)

T = TypeVar("T")

READ_TIMEOUT_S: Final = 10.0
"""How long a camera may take to open, and to deliver its next frame."""
BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0)
"""Pauses before each try to reopen; the last one is repeated while the camera is away for less than `SOON_S`."""
SOON_S: Final = 60.0
"""How long a camera that is away is expected back soon."""
LATER_BACKOFF_S: Final = (10.0, 20.0, 30.0)
"""Pauses after that; the last one is repeated."""
REPORT_S: Final = 60.0
"""A camera that fails again and again is reported once in this time, with the number of its faults."""


class AccessDenied(SourceError):
    """A camera refuses the user name or the password: waiting would not help, and some lock the user out."""


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used. One thread reads; any other may release."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, Any]:
        """Return whether there is a frame, and the frame. May raise `SourceError` with the reason why there is none."""
        ...

    def release(self) -> None:
        """Let go of the camera. While another thread reads, its read ends soon or the camera is released after it."""
        ...


@runtime_checkable
class TimedCapture(Capture, Protocol):
    """A capture that knows the time stamp of the frame it read last."""

    @property
    def time_s(self) -> float | None:
        """Seconds in the stream's own time; None if the stream has no time stamps."""
        ...


class Backoff:
    """The pauses before each try to reopen one camera."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Begin with the shortest pause again, since the camera delivers."""
        self._began_s: float | None = None
        self._soon = 0
        self._later = 0

    def next_s(self) -> float:
        """Return the next pause, in seconds."""
        now = self._clock.now()
        if self._began_s is None:
            self._began_s = now
        if now - self._began_s < SOON_S:
            self._soon += 1
            return BACKOFF_S[min(self._soon, len(BACKOFF_S)) - 1]
        self._later += 1
        return LATER_BACKOFF_S[min(self._later, len(LATER_BACKOFF_S)) - 1]


class FaultLog:
    """Says in the log what happens to one camera: the first fault at once, later ones once a minute, counted."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._quiet_until_s: float | None = None
        self._untold = 0
        """Faults that no line has reported."""
        self._outage_told = False
        self._waits = False

    def stopped(self, reason: str, pause_s: float) -> None:
        """Report that the camera stopped delivering, and after which pause it is reopened."""
        self._untold += 1
        self._outage_told = False
        if self._is_quiet():
            return
        if self._untold == 1:
            self._say("%s stopped delivering: %s; reopening it in %g s", reason, pause_s)
            self._outage_told = True
        else:
            self._say("%s stopped delivering %d times, at last: %s; it is reopened each time", self._untold, reason)
        self._untold = 0

    def failed(self, reason: str, tries: int, pause_s: float) -> None:
        """Report that a try to reopen it failed."""
        first = tries == 1 and self._outage_told
        if first or not self._is_quiet():
            self._say("%s is still away (try %d): %s; next try in %g s", tries, reason, pause_s)
            self._outage_told = True
            self._untold = 0

    def waiting(self, reason: str) -> None:
        """Report that the camera is not there at the start."""
        self._say("%s is waited for: %s", reason)
        self._outage_told = True
        self._waits = True

    def back(self) -> None:
        """Report that it delivers again."""
        if self._outage_told:
            log.warning("%s is back", self._name)
        self._outage_told = False
        if self._waits:
            # To wait at the start is no fault: the first one after it is told at once.
            self._quiet_until_s = None
            self._waits = False

    def remind(self) -> None:
        """Report the faults that were not reported yet, once it is time."""
        if self._untold and not self._is_quiet():
            self._say("%s stopped delivering %s and is back each time", counted(self._untold, "time"))
            self._untold = 0

    def _is_quiet(self) -> bool:
        return self._quiet_until_s is not None and self._clock.now() < self._quiet_until_s

    def _say(self, message: str, *values: object) -> None:
        log.warning(message, self._name, *values)
        self._quiet_until_s = self._clock.now() + REPORT_S


def within(timeout_s: float, function: Callable[[], T], *, late: Callable[[T], None], name: str) -> T:
    """Return what *function* returns, called in a daemon thread called *name*. Raises what it raises.

    Raises `TimeoutError` if it takes longer than *timeout_s*; what it returns later is handed to *late*.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as exc:  # noqa: BLE001  (whoever waits gets it)
            future.set_exception(exc)

    def discard(done: Future[T]) -> None:
        if done.exception() is None:
            late(done.result())

    threading.Thread(target=work, name=name, daemon=True).start()
    try:
        return future.result(timeout_s)
    except BaseException:
        # Ctrl-C as well: what is opened afterwards must be closed by somebody.
        future.add_done_callback(discard)
        raise
