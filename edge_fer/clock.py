"""Time, injected: code that waits or measures takes a clock, so that a test can be the clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that never run backwards, and a way to wait."""

    def now(self) -> float:
        """Return seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return `time.perf_counter`, in seconds."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Wait for real."""
        time.sleep(seconds)


class FakeClock:
    """A clock that stands still until somebody sleeps or moves it on."""

    def __init__(self, start: float = 0.0) -> None:
        self.time = start

    def now(self) -> float:
        """Return the time it was left at, in seconds."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.time += max(0.0, seconds)
