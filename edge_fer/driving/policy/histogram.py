"""What is learned of a person: how often a number had which value, the last minutes counting most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Histogram:
    """Seconds for each of evenly spaced values from ``least`` on. Beyond either end, the last bin takes it."""

    least: float
    width: float
    """Of a bin, in the number's unit."""
    seconds: tuple[float, ...]
    total_s: float = 0.0
    """Of valid data that were ever added."""


def empty(least: float, most: float, width: float) -> Histogram:
    """Return one that has learned nothing, for values in [*least*, *most*]."""
    return Histogram(least, width, (0.0,) * round((most - least) / width))


def added(histogram: Histogram, value: float, length_s: float, memory_s: float) -> Histogram:
    """Return it with *value* for *length_s*. What it held before weighs less: the sum is *memory_s* at most."""
    seconds = list(histogram.seconds)
    bin_of_value = int((value - histogram.least) / histogram.width)
    seconds[min(max(bin_of_value, 0), len(seconds) - 1)] += length_s
    held_s = sum(seconds)
    if held_s > memory_s:
        shrink = memory_s / held_s
        seconds = [one * shrink for one in seconds]
    return Histogram(histogram.least, histogram.width, tuple(seconds), histogram.total_s + length_s)


def quantile(histogram: Histogram, share: float) -> float:
    """Return the value that *share* of the time was below, interpolated within its bin. Something must be learned."""
    wanted_s = share * sum(histogram.seconds)
    before_s = 0.0
    for position, seconds in enumerate(histogram.seconds):
        if seconds > 0 and before_s + seconds >= wanted_s:
            inside = (wanted_s - before_s) / seconds
            return histogram.least + (position + inside) * histogram.width
        before_s += seconds
    return histogram.least + len(histogram.seconds) * histogram.width
