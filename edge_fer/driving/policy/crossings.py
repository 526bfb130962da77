"""When a value that changes evenly reaches a threshold."""

from __future__ import annotations

import math


def rises_to(value: float, rate: float, threshold: float) -> float:
    """Return the seconds until *value* is *threshold* or more, 0 if it is, infinity if it never is.

    *rate* is its change in a second.
    """
    if value >= threshold:
        return 0.0
    if rate <= 0:
        return math.inf
    return (threshold - value) / rate


def falls_to(value: float, rate: float, threshold: float) -> float:
    """Return the seconds until *value* is *threshold* or less, 0 if it is, infinity if it never is."""
    return rises_to(-value, -rate, -threshold)
