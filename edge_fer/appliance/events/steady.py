"""Whether the wall clock can be trusted. A board without a battery starts with a wrong one, and then it jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

STEADY_S: Final = 600.0
"""For how long the clock must have run without a jump."""
JUMP_S: Final = 30.0
"""A larger difference to the monotonic clock is a jump. Time servers correct smaller ones all the time."""


class SteadyClock:
    """Compares the wall clock with the monotonic one, each time somebody asks."""

    def __init__(self, now: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._now = now
        self._monotonic = monotonic
        self._begin()

    def is_steady(self) -> bool:
        """Return whether the wall clock has not jumped for `STEADY_S`, as far as anybody asked."""
        elapsed_s = self._monotonic() - self._begin_s
        walked_s = (self._now() - self._begin_time).total_seconds()
        if abs(walked_s - elapsed_s) > JUMP_S:
            self._begin()
            return False
        return elapsed_s >= STEADY_S

    def _begin(self) -> None:
        self._begin_time = self._now()
        self._begin_s = self._monotonic()
