"""Time as a parameter: code that waits or measures takes a clock, so that a test can be the clock."""

from __future__ import annotations

import time
from threading import Event
from typing import Final, Protocol

POLL_S: Final = 0.001
"""How often, in real time, a held waiter of the `FakeClock` looks whether the clock was moved."""
MAX_HELD_S: Final = 60.0
"""How long, in real time, a held waiter waits: a test that forgets to move the clock fails instead of hanging."""


class Clock(Protocol):
    """Seconds that never run backwards, and two ways to wait."""

    def now(self) -> float:
        """Return seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait until *event* is set, for at most *seconds*. Return whether it is set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return `time.perf_counter`, in seconds."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        time.sleep(seconds)

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait until *event* is set, for at most *seconds* of real time. Return whether it is set."""
        return event.wait(seconds)


class FakeClock:
    """A clock that stands still until somebody moves it.

    Waiting moves it, and returns at once. With *held*, waiting blocks as it does in reality: until `advance` has moved
    the clock far enough, or the event is set. Raises `TimeoutError` after `MAX_HELD_S` of real time.
    """

    def __init__(self, start: float = 0.0, *, held: bool = False) -> None:
        self.time = start
        self.waiting = Event()
        """Set while somebody waits."""
        self._held = held

    def now(self) -> float:
        """Return the time at which it stands, in seconds."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self.time += seconds

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds* of this clock."""
        self.wait(Event(), seconds)

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait until *event* is set, for at most *seconds* of this clock. Return whether it is set."""
        if not self._held:
            if not event.is_set():
                self.time += max(0.0, seconds)
            return event.is_set()
        end = self.time + seconds
        deadline = time.monotonic() + MAX_HELD_S
        self.waiting.set()
        try:
            # In short turns: a thread can sleep until the event is set or until the clock is moved, not until either.
            while self.time < end and not event.wait(POLL_S):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the clock stands at {self.time} s for {MAX_HELD_S} s; move it to {end} s")
        finally:
            self.waiting.clear()
        return event.is_set()
