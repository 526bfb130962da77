"""Whether a run can be trusted. Nothing is removed from it; these functions name what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer import host
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_fer_bench.results import Block, Measurement, Reading, Run

MAX_SPREAD: Final = 0.10
"""Largest distance between the 10th and the 90th percentile of the blocks, as a share of their median."""
MAX_DRIFT: Final = 0.05
"""Largest change from the first third of the blocks to the last, as a share of the first."""
MIN_CLOCK: Final = 0.95
"""Slowest clock during the run, as a share of the fastest."""
MAX_OTHERS_CORES: Final = 0.15
"""Cores that other programs used on average."""
MAX_STOLEN_CORES: Final = 0.03
"""Cores that the hypervisor took on average."""
SETTLED_S: Final = 60.0
"""After this time a program has allocated what it needs; growth from there on may be a leak."""
MAX_GROWTH_MB: Final = 5.0
"""Largest growth of the memory after `SETTLED_S` that is not reported: allocators and caches grow by a few MB."""
MIN_FRAMES: Final = 100
"""With 100 frames, the slowest tenth, which decides the p90, has ten."""
MIN_BLOCKS: Final = 5
"""With fewer blocks in each of two runs no change can be found: 4 and 4 can be divided in 70 ways, so the smallest
p-value is 2 / 70, above `compare.MAX_P`."""


def invalid(run: Run) -> tuple[str, ...]:
    """Return why *run* says nothing about this board: it was throttled, or its power supply was too weak."""
    bits = [reading.throttled for reading in run.readings if reading.throttled is not None]
    if not bits:
        return ()
    names: set[str] = set()
    for value in bits:
        names.update(host.throttling(value))
    # The upper bits remember what has happened since the board was started. Those that were set during the run also
    # show what happened between two readings; those that were set before it do not count.
    before = run.host.get("throttled")
    if before is not None:
        names.update(host.throttling((bits[-1] & ~before) >> 16))
    return tuple(name for name in host.THROTTLED.values() if name in names)


def unstable(run: Run) -> tuple[str, ...]:
    """Return what the machine did during *run* that makes its figures doubtful."""
    return tuple(_disturbances(run.readings))


def unsteady(measurement: Measurement) -> tuple[str, ...]:
    """Return what makes the figures of one *measurement* doubtful."""
    return tuple(_irregularities(measurement))


def growth(measurement: Measurement) -> tuple[float | None, int | None]:
    """Return by how many MB, and how many open files, it grew after the first minute; None where unknown."""
    memory_mb: list[float] = []
    open_files: list[int] = []
    for block in measurement.free:
        if block.at_s - measurement.free[0].at_s < SETTLED_S:
            continue
        if block.memory_mb is not None:
            memory_mb.append(block.memory_mb)
        if block.open_files is not None:
            open_files.append(block.open_files)
    memory_growth = memory_mb[-1] - memory_mb[0] if memory_mb else None
    file_growth = open_files[-1] - open_files[0] if open_files else None
    return memory_growth, file_growth


def _disturbances(readings: Sequence[Reading]) -> Iterator[str]:
    # A clock that falls is heat or a governor at work, and blocks at different clocks cannot be compared.
    clocks = [reading.frequency_mhz for reading in readings if reading.frequency_mhz]
    if clocks and min(clocks) < MIN_CLOCK * max(clocks):
        yield f"the clock varied between {min(clocks):.0f} and {max(clocks):.0f} MHz"
    others_cores = _mean_known([reading.others_cores for reading in readings])
    if others_cores > MAX_OTHERS_CORES:
        yield f"other programs used {others_cores:.2f} cores"
    stolen_cores = _mean_known([reading.stolen_cores for reading in readings])
    if stolen_cores > MAX_STOLEN_CORES:
        yield f"the hypervisor took {stolen_cores:.2f} cores"


def _mean_known(values: Sequence[float | None]) -> float:
    """Return the mean of those *values* that are not None; 0 if all are."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else 0.0


def _irregularities(measurement: Measurement) -> Iterator[str]:
    frames = len(measurement.frames_ms())
    blocks = len(measurement.free)
    # A p90 of fewer frames is the time of a handful, and an interval over fewer blocks is hardly one.
    if frames < MIN_FRAMES or blocks < MIN_BLOCKS:
        yield f"only {counted(frames, 'frame')} in {counted(blocks, 'block')}"
    if not measurement.steady:
        yield "frames were still getting faster when the warm-up ended"
    if blocks >= 3:  # with fewer there are no thirds to compare
        yield from _differences(measurement.free)
    memory_mb, open_files = growth(measurement)
    if memory_mb is not None and memory_mb > MAX_GROWTH_MB:
        yield f"its memory grew by {memory_mb:.1f} MB after the first minute"
    if open_files:  # unlike memory, which allocators keep, every file that stays open is a leak
        more = "more file was" if open_files == 1 else "more files were"
        yield f"{open_files} {more} open at the end than after the first minute"


def _differences(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield whether the medians of *blocks* scatter, or go in one direction."""
    medians = np.array([np.median(block.frame_ms) for block in blocks])
    # Percentiles and not the extremes: one disturbed block is what the median over blocks is there for.
    low, middle, high = np.quantile(medians, (0.1, 0.5, 0.9))
    if high - low > MAX_SPREAD * middle:
        yield f"blocks differ by {(high - low) / middle:.0%}"
    # Thirds and not the first and the last block, either of which may be disturbed.
    third = max(1, len(medians) // 3)
    drift = float(np.median(medians[-third:]) / np.median(medians[:third])) - 1
    if abs(drift) > MAX_DRIFT:
        direction = "slower" if drift > 0 else "faster"
        yield f"it became {abs(drift):.0%} {direction} from the first third to the last"
