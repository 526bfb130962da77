"""What the machine does during a measurement: heat, clock, throttling, power, and other users of its cores."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_fer import host
from edge_fer.clock import SystemClock
from edge_fer_bench.results import Reading

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer.clock import Clock

POWER_TIMEOUT_S: Final = 2.0
"""How long the power command may take; a reading delays the next block by as much."""


@dataclass
class HostMonitor:
    """Reads the state of the machine on request. A value that the machine does not give is None."""

    power_command: str | None = None
    """A command that prints the present power in watts, for a meter that the kernel does not know."""
    root: Path = host.ROOT
    clock: Clock = field(default_factory=SystemClock)
    readings: list[Reading] = field(init=False)
    """All readings since `begin`, in the order of time."""

    def __post_init__(self) -> None:
        """Begin."""
        self.begin()

    def begin(self) -> None:
        """Forget all readings, and read the counters from which the first one will be a difference."""
        self.readings = []
        # Counters that only grow: each reading is a difference to the one before.
        self._began = self.clock.now()
        self._last = self._began
        self._cpu_s = host.cpu_seconds(self.root)
        self._energy_j = host.energy_j(self.root)
        self._own_s = _own_cpu_s()

    def elapsed_s(self) -> float:
        """Return the seconds since `begin`; the times of the readings count from the same moment."""
        return self.clock.now() - self._began

    def read(self, candidate_cpu_s: float = 0.0) -> Reading:
        """Take a reading, keep it and return it.

        *candidate_cpu_s* are the CPU seconds that the measured process has used since the last reading: they are not
        the work of other programs.
        """
        now = self.clock.now()
        elapsed_s = now - self._last
        self._last = now
        others_cores, stolen_cores = self._foreign_cores(elapsed_s, candidate_cpu_s)
        reading = Reading(
            at_s=now - self._began,
            temperature_c=host.temperature_c(self.root),
            frequency_mhz=host.frequency_mhz(self.root),
            throttled=host.throttled(self.root),
            power_w=self._power_w(elapsed_s),
            others_cores=others_cores,
            stolen_cores=stolen_cores,
        )
        self.readings.append(reading)
        return reading

    def _foreign_cores(self, elapsed_s: float, candidate_cpu_s: float) -> tuple[float | None, float | None]:
        """Return how many cores other programs, and the hypervisor, have used on average since the last reading."""
        before = self._cpu_s
        after = host.cpu_seconds(self.root)
        own_before = self._own_s
        own_after = _own_cpu_s()
        self._cpu_s = after
        self._own_s = own_after
        if before is None or after is None or elapsed_s <= 0:
            return None, None
        busy_s = after[0] - before[0]
        stolen_s = after[1] - before[1]
        # Neither the harness nor what it measures is another program.
        others_s = busy_s - candidate_cpu_s - (own_after - own_before)
        # The kernel counts in ticks of 10 ms, so the difference may come out slightly below zero.
        return max(0.0, others_s) / elapsed_s, stolen_s / elapsed_s

    def _power_w(self, elapsed_s: float) -> float | None:
        """Return the mean power since the last reading if the machine counts energy, or else the present power."""
        if self.power_command is not None:
            return _printed_watts(self.power_command)
        before = self._energy_j
        after = host.energy_j(self.root)
        self._energy_j = after
        # RAPL's counter overflows and starts again from 0; a reading without it is better than a wrong one.
        if before is not None and after is not None and elapsed_s > 0 and after >= before:
            return (after - before) / elapsed_s
        return host.sensor_w(self.root)


def _printed_watts(command: str) -> float | None:
    """Return the number that *command* prints first; None if it fails, for a broken meter must not end a run."""
    # Started without a shell: a command with a pipe in it needs an explicit `sh -c`.
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=POWER_TIMEOUT_S, check=True
        )  # fmt: skip
        return float(done.stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _own_cpu_s() -> float:
    """Return the CPU seconds that this process has used."""
    times = os.times()
    return times.user + times.system
