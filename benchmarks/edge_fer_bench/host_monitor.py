"""What the machine does while something is measured: heat, clock, throttling, power, and who else wants its cores."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_fer import host
from edge_fer_bench.results import Reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POWER_TIMEOUT_S = 2.0


@dataclass
class HostMonitor:
    """Takes a reading each time it is asked to; what cannot be told is None."""

    power_command: str | None = None
    """Prints the power drawn now, in watts; for a meter that the kernel does not know."""
    root: Path = host.ROOT
    now: Callable[[], float] = time.perf_counter
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin to count."""
        self.began = self._last = self.now()
        self._cpu, self._energy, self._own = host.cpu_seconds(self.root), host.energy_j(self.root), _own_s()

    def read(self, ours_s: float = 0.0) -> Reading:
        """Read everything. *ours_s* are the CPU seconds that what is measured has used since the last reading."""
        now = self.now()
        elapsed, self._last = now - self._last, now
        others, stolen = self._shares(elapsed, ours_s)
        reading = Reading(
            at_s=now - self.began,
            temperature_c=host.temperature_c(self.root),
            frequency_mhz=host.frequency_mhz(self.root),
            throttled=host.throttled(self.root),
            power_w=self._power(elapsed),
            others_cores=others,
            stolen_cores=stolen,
        )
        self.readings.append(reading)
        return reading

    def _shares(self, elapsed: float, ours_s: float) -> tuple[float | None, float | None]:
        """Return how many cores others, and the hypervisor, have used in the mean since the last reading."""
        (before, self._cpu), (mine, self._own) = (self._cpu, host.cpu_seconds(self.root)), (self._own, _own_s())
        if before is None or self._cpu is None or elapsed <= 0:
            return None, None
        busy, stolen = (now - then for now, then in zip(self._cpu, before, strict=True))
        return max(0.0, busy - ours_s - (self._own - mine)) / elapsed, stolen / elapsed

    def _power(self, elapsed: float) -> float | None:
        if self.power_command is not None:
            return self._asked(self.power_command)
        before, self._energy = self._energy, host.energy_j(self.root)
        if before is not None and self._energy is not None and elapsed > 0 and self._energy >= before:
            return (self._energy - before) / elapsed
        return host.sensor_w(self.root)

    @staticmethod
    def _asked(command: str) -> float | None:
        try:
            told = subprocess.run(
                shlex.split(command), capture_output=True, text=True, timeout=POWER_TIMEOUT_S, check=True
            )
            return float(told.stdout.split()[0])
        except (OSError, subprocess.SubprocessError, ValueError, IndexError):
            return None


def _own_s() -> float:
    """Return the CPU seconds of this process."""
    return sum(os.times()[:2])
