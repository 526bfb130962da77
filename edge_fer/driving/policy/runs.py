"""For how long something has been so, and not so, without a break."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds; one of the two is 0."""

    on_s: float = 0.0
    off_s: float = 0.0


def passed(run: Run, on: bool, length_s: float) -> Run:
    """Return *run* after *length_s* of *on*."""
    if on:
        return Run(on_s=run.on_s + length_s)
    return Run(off_s=run.off_s + length_s)
