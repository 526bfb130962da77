"""First-order filters of a yes or no, in continuous time: exact while what goes in does not change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

ROUNDING: Final = 1e-9
"""How near to a threshold a level counts as there, so that a switch whose moment was calculated does happen."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The level, in [0, 1], and what the filter says: with hysteresis, as a Schmitt trigger."""

    level: float = 0.0
    on: bool = False


@dataclass(frozen=True, slots=True)
class Tuning:
    """Time constant in seconds, level from which on it is on, level below which it is off."""

    constant_s: float
    on: float
    off: float

    @property
    def lag_s(self) -> float:
        """How long after the first yes a settled filter says yes; by so much is counted back."""
        return self.constant_s * math.log(1 / (1 - self.on))


def until_switch(state: Filter, says: bool | None, tuning: Tuning) -> float:
    """Return after how many seconds of *says* the filter switches; infinity if it does not."""
    if says is None or says == state.on:
        return math.inf
    if says:
        return tuning.constant_s * math.log((1 - state.level) / (1 - tuning.on))
    return tuning.constant_s * math.log(state.level / tuning.off)


def passed(state: Filter, says: bool | None, tuning: Tuning, length_s: float) -> Filter:
    """Return the filter after *length_s* of *says*; None, for nothing known, leaves it as it is."""
    if says is None:
        return state
    target = 1.0 if says else 0.0
    level = target + (state.level - target) * math.exp(-length_s / tuning.constant_s)
    if level >= tuning.on - ROUNDING:
        return Filter(level, on=True)
    if level <= tuning.off + ROUNDING:
        return Filter(level, on=False)
    return Filter(level, state.on)
