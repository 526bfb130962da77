"""Notices that the wall clock was set: everything that waits measures by another clock, but people read this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from edge_fer.appliance.supervision.reporter import Reporter
    from edge_fer.clock import Clock

JUMP_S: Final = 2.0
"""A smaller difference between two looks is no jump: time servers slew a clock slowly."""


class ClockJumps:
    """Compares the wall clock with the one that never jumps, each time that it is asked to look."""

    def __init__(self, wall: Callable[[], datetime], clock: Clock, reporter: Reporter) -> None:
        self._wall = wall
        self._clock = clock
        self._reporter = reporter
        self._offset_s: float | None = None

    def tick(self) -> None:
        """Look whether the wall clock has jumped since the last look."""
        wall = self._wall()
        offset_s = wall.timestamp() - self._clock.now()
        before_s = self._offset_s
        self._offset_s = offset_s
        if before_s is None or abs(offset_s - before_s) < JUMP_S:
            return
        by_s = round(offset_s - before_s, 1)
        direction = "forward" if by_s > 0 else "back"
        words = f"it was set {direction} by {abs(by_s)} s"
        self._reporter.notice("clock", None, wall.isoformat(timespec="seconds"), words, by_s=by_s)
