"""How much of the last seconds something was so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LEAST_S: Final = 1e-9
"""What is shorter is rounding, and is dropped: it could never leave a window."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds in which it was so, or not, or not known (None)."""

    length_s: float
    on: bool | None


@dataclass(frozen=True, slots=True)
class Window:
    """The last seconds, oldest first. What is fed comes from a filter, whose switches are apart: that bounds them."""

    stretches: tuple[Stretch, ...] = ()

    @property
    def length_s(self) -> float:
        """Seconds that it holds."""
        return math.fsum(stretch.length_s for stretch in self.stretches)

    @property
    def on_s(self) -> float:
        """Seconds in which it was so."""
        return math.fsum(stretch.length_s for stretch in self.stretches if stretch.on)

    @property
    def known_s(self) -> float:
        """Seconds in which it was known."""
        return math.fsum(stretch.length_s for stretch in self.stretches if stretch.on is not None)


def passed(window: Window, on: bool | None, length_s: float, most_s: float) -> Window:
    """Return *window* after *length_s* of *on*, without what is older than *most_s*."""
    stretches = list(window.stretches)
    if stretches and stretches[-1].on is on:
        length_s += stretches.pop().length_s
    stretches.append(Stretch(length_s, on))
    surplus_s = math.fsum(stretch.length_s for stretch in stretches) - most_s
    while surplus_s > 0:
        oldest = stretches[0]
        if oldest.length_s - surplus_s > LEAST_S:
            stretches[0] = Stretch(oldest.length_s - surplus_s, oldest.on)
            break
        surplus_s -= oldest.length_s
        del stretches[0]
    return Window(tuple(stretches))


def leaving(window: Window, most_s: float) -> Stretch:
    """Return what leaves *window* next. Until it is full, that is nothing known, for the seconds until then."""
    spare_s = most_s - window.length_s
    if spare_s > LEAST_S or not window.stretches:
        return Stretch(spare_s, None)
    return window.stretches[0]
