"""How soon something that failed is started again, and when to give up."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge_fer.clock import Clock

PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0)
"""Pauses before each start; the last one is repeated."""
CALM_S: Final = 60.0
"""After so long without a failure, the first pause is the next one again."""


class Restarts:
    """The failures of one thing."""

    def __init__(self, clock: Clock, most: int | None = None, within_s: float = 0.0) -> None:
        self._clock = clock
        self._within_s = within_s
        self._recent: deque[float] = deque(maxlen=most or 1)
        self._most = most
        self._in_a_row = 0
        self._last_s: float | None = None

    def failed(self) -> float:
        """Note a failure, and return the pause before the next start, in seconds."""
        now = self._clock.now()
        if self._last_s is not None and now - self._last_s > CALM_S:
            self._in_a_row = 0
        self._last_s = now
        self._recent.append(now)
        self._in_a_row += 1
        return PAUSES_S[min(self._in_a_row, len(PAUSES_S)) - 1]

    def works(self) -> None:
        """Begin with the shortest pause again."""
        self._in_a_row = 0

    @property
    def too_many(self) -> bool:
        """Whether it failed too often in too short a time."""
        if self._most is None or len(self._recent) < self._most:
            return False
        return self._clock.now() - self._recent[0] <= self._within_s
