"""How people move: they hold still, then move quickly, and are never quite still."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np


class Course:
    """A value over time that is held, and moves from one value to the next when it is time."""

    def __init__(self, starts_s: Sequence[float], values: Sequence[float], move_s: float) -> None:
        """Move to each of *values* at its start, within *move_s*. The first value holds from the beginning."""
        self._starts_s = list(starts_s)
        self._values = list(values)
        self._move_s = move_s

    @classmethod
    def of_chance(
        cls,
        rng: np.random.Generator,
        length_s: float,
        value: Callable[[np.random.Generator], float],
        hold_s: tuple[float, float],
        move_s: float,
    ) -> Course:
        """Return a course of *length_s* that draws each *value*, and how long it is held, by chance."""
        starts_s = [0.0]
        values = [value(rng)]
        while starts_s[-1] < length_s:
            starts_s.append(starts_s[-1] + move_s + rng.uniform(*hold_s))
            values.append(value(rng))
        return cls(starts_s, values, move_s)

    def at(self, time_s: float) -> float:
        """Return the value at *time_s*."""
        index = max(0, bisect_right(self._starts_s, time_s) - 1)
        if index == 0:
            return self._values[0]
        share = min(1.0, (time_s - self._starts_s[index]) / self._move_s)
        # Slow at both ends, as muscles do it.
        eased = share * share * (3 - 2 * share)
        return self._values[index - 1] + eased * (self._values[index] - self._values[index - 1])


class Sway:
    """Small movements that never stop: two waves that never meet the same way."""

    def __init__(self, rng: np.random.Generator, size: float, rate_hz: float) -> None:
        self._size = size
        self._rates = (2 * math.pi * rate_hz * rng.uniform(0.7, 1.0), 2 * math.pi * rate_hz * rng.uniform(1.5, 2.3))
        self._phases = rng.uniform(0, 2 * math.pi, 2)

    def at(self, time_s: float) -> float:
        """Return the deviation at *time_s*, at most *size*."""
        slow = math.sin(self._rates[0] * time_s + self._phases[0])
        quick = math.sin(self._rates[1] * time_s + self._phases[1])
        return self._size * (0.7 * slow + 0.3 * quick)
