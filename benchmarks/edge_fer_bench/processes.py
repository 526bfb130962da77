"""Timing of whole processes: their first line, their end, and their peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from edge_fer.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Starts a command and reports on a pipe: when it started (`time.perf_counter` has the same zero in all processes of a
#: machine), and at its end the ``ru_maxrss`` of its peak memory.
_STARTER: Final = r"""
import os, sys, time
report = int(sys.argv[1])
os.set_inheritable(report, False)
os.write(report, b"%r\n" % time.perf_counter())
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
os.write(report, b"%d" % usage.ru_maxrss)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""
#: getrusage(2) counts ``ru_maxrss`` in KiB on Linux and in bytes on macOS.
_MAXRSS_PER_MIB: Final = 1024**2 if sys.platform == "darwin" else 1024
STDERR_CHARACTERS: Final = 500
"""How much of the end of stderr an error quotes."""


@dataclass(frozen=True)
class Timed:
    """Times of a process that ended with exit code 0."""

    first_line: str
    first_line_s: float
    """Seconds from its start to its first line on stdout."""
    whole_s: float
    peak_memory_mb: float
    """Peak resident memory, in MiB."""


class ProcessEnd(NamedTuple):
    """How a process ended."""

    exit_code: int
    """128 plus the number of the signal if a signal ended it, as shells count."""
    started_s: float
    """Its start, as `time.perf_counter` counts."""
    peak_memory_mb: float
    """Peak resident memory, in MiB; not a number if the process could not be started."""


class Process:
    """A running command whose stdout is a pipe of text.

    A small Python process starts it: Linux counts the memory of the process that starts another one into the peak of
    the started one (``ru_maxrss`` in getrusage(2) outlives execve), and this process may be larger than the command.
    """

    def __init__(self, command: Sequence[str | Path], **options: Any) -> None:
        reading, writing = os.pipe()
        # -I and -S skip the environment and site-packages: the starter is small and starts fast.
        starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(writing)]
        self._report = os.fdopen(reading)
        try:
            self._popen = subprocess.Popen(
                [*starter, *map(str, command)], stdout=subprocess.PIPE, text=True, pass_fds=[writing], **options
            )
        finally:
            # Only the starter may hold the writing end, or reading it would never come to an end.
            os.close(writing)

    @property
    def stdin(self) -> IO[str]:
        """Its stdin, if the options asked for a pipe."""
        assert self._popen.stdin is not None  # noqa: S101  (a caller without a pipe does not use it)
        return self._popen.stdin

    @property
    def stdout(self) -> IO[str]:
        """Its stdout."""
        assert self._popen.stdout is not None  # noqa: S101  (always a pipe)
        return self._popen.stdout

    @cached_property
    def started_s(self) -> float:
        """Its start, as `time.perf_counter` counts."""
        return float(self._report.readline() or "nan")

    def end(self) -> ProcessEnd:
        """Wait until the process ends, and return how it ended."""
        exit_code = self._popen.wait()
        self.stdout.close()
        with self._report:
            started_s = self.started_s  # the first line of the report, so it must be read before the second
            peak = float(self._report.readline() or "nan")
        return ProcessEnd(exit_code, started_s, peak / _MAXRSS_PER_MIB)


def timed(command: Sequence[str | Path]) -> Timed:
    """Run *command* to its end and return its times. Raises `BackendError` with its stderr if it fails."""
    with tempfile.TemporaryFile() as stderr:  # a file, since a full pipe that nobody reads would block the command
        process = Process(command, stderr=stderr)
        first_line = process.stdout.readline()
        first_line_s = time.perf_counter()
        process.stdout.read()  # to its end, for the same reason
        end = process.end()
        ended_s = time.perf_counter()
        if end.exit_code != 0:
            stderr.seek(0)
            message = stderr.read().decode(errors="replace").strip()[-STDERR_CHARACTERS:]
            shown = " ".join(map(str, command))
            raise BackendError(f"{shown} ended with exit code {end.exit_code}: {message}")
    return Timed(first_line, first_line_s - end.started_s, ended_s - end.started_s, end.peak_memory_mb)
