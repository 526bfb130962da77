"""Whether a run can be trusted. Nothing is left out of it; what is wrong is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer import host

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_fer_bench.results import Block, Measurement, Reading, Run

SPREAD: Final = 0.10
"""Of blocks, between their 10th and 90th percentile, against their median."""
DRIFT: Final = 0.05
"""Of the last third of the blocks against the first."""
CLOCK: Final = 0.95
"""Slowest clock against the fastest while it was measured."""
OTHERS: Final = 0.15
"""Cores that other programs used in the mean."""
STOLEN: Final = 0.03
"""Cores that the hypervisor took in the mean."""
SETTLED_S: Final = 60.0
"""After so long a program has what memory it needs."""
GROWTH_MB: Final = 5.0
FEW_FRAMES: Final = 100
FEW_BLOCKS: Final = 5


def invalid(run: Run) -> tuple[str, ...]:
    """Return why *run* says nothing about this board: it was throttled, or its supply was too weak."""
    bits = [reading.throttled for reading in run.readings if reading.throttled is not None]
    before = run.host.get("throttled")
    if not bits:
        return ()
    now = set[str]().union(*(host.throttling(value) for value in bits))
    if before is not None:  # what has occurred since: also between two readings
        now |= set(host.throttling((bits[-1] & ~before) >> 16))
    return tuple(words for words in host.THROTTLED.values() if words in now)


def unstable(run: Run) -> tuple[str, ...]:
    """Return what the machine did meanwhile that *run* should not be trusted for."""
    return tuple(_machine(run.readings))


def unsteady(measurement: Measurement) -> tuple[str, ...]:
    """Return what is wrong with the figures of one *measurement*."""
    return tuple(_measurement(measurement))


def _machine(readings: Sequence[Reading]) -> Iterator[str]:
    clocks = [reading.frequency_mhz for reading in readings if reading.frequency_mhz]
    if clocks and min(clocks) < CLOCK * max(clocks):
        yield f"the clock went between {min(clocks):.0f} and {max(clocks):.0f} MHz"
    for words, allowed, values in (
        ("other programs used", OTHERS, [reading.others_cores for reading in readings]),
        ("the hypervisor took", STOLEN, [reading.stolen_cores for reading in readings]),
    ):
        known = [value for value in values if value is not None]
        if known and np.mean(known) > allowed:
            yield f"{words} {np.mean(known):.2f} cores"


def _measurement(measurement: Measurement) -> Iterator[str]:
    frames = sum(len(block.frame_ms) for block in measurement.free)
    if frames < FEW_FRAMES or len(measurement.free) < FEW_BLOCKS:
        yield f"only {frames} frames in {len(measurement.free)} blocks"
    if not measurement.steady:
        yield "frames still got faster when the warm-up ended"
    if len(measurement.free) >= 3:
        yield from _blocks(measurement.free)
    memory, files = growth(measurement)
    if memory is not None and memory > GROWTH_MB:
        yield f"its memory grew by {memory:.1f} MB after the first minute"
    if files:
        yield f"{files} more files were open at the end than after the first minute"


def growth(measurement: Measurement) -> tuple[float | None, int | None]:
    """Return by how many MB and open files it grew after the first minute; None where that is unknown."""
    later = [block for block in measurement.free if block.at_s - measurement.free[0].at_s >= SETTLED_S]
    memory = [block.memory_mb for block in later if block.memory_mb is not None]
    files = [block.open_files for block in later if block.open_files is not None]
    return (memory[-1] - memory[0] if memory else None), (files[-1] - files[0] if files else None)


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    middles = np.array([np.median(block.frame_ms) for block in blocks])
    low, middle, high = np.quantile(middles, (0.1, 0.5, 0.9))
    if high - low > SPREAD * middle:
        yield f"blocks differ by {(high - low) / middle:.0%}"
    third = max(1, len(middles) // 3)
    drift = float(np.median(middles[-third:]) / np.median(middles[:third])) - 1
    if abs(drift) > DRIFT:
        yield f"it became {abs(drift):.0%} {'slower' if drift > 0 else 'faster'} from the first third to the last"
