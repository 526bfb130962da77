"""Timing whole processes: when the first line comes, when the end, and how much memory it took."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final

from edge_fer.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Starts a command, tells when (time.perf_counter counts alike in all processes) and what memory it took at most.
_STARTER: Final = r"""
import os, sys, time
told = int(sys.argv[1])
os.set_inheritable(told, False)
os.write(told, b"%r\n" % time.perf_counter())
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
os.write(told, b"%d" % usage.ru_maxrss)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
"""


@dataclass(frozen=True)
class Timed:
    """A process that has ended well."""

    first_line: str
    first_line_s: float
    """Seconds from its start to its first line on stdout."""
    whole_s: float
    peak_memory_mb: float
    """Peak resident memory, in MiB."""


class Process:
    """A command that runs, its stdout a pipe of text.

    A small Python starts it: Linux counts the memory of the process that starts another one into the peak of that one
    (``ru_maxrss`` in getrusage(2) outlives execve), and ours may hold more than what is measured.
    """

    def __init__(self, command: Sequence[str | Path], **options: Any) -> None:
        reading, writing = os.pipe()
        starter = [sys.executable, "-I", "-S", "-c", _STARTER, str(writing)]
        self._told = os.fdopen(reading)
        try:
            self._popen = subprocess.Popen(
                [*starter, *map(str, command)], stdout=subprocess.PIPE, text=True, pass_fds=[writing], **options
            )
        finally:
            os.close(writing)

    @property
    def stdin(self) -> IO[str]:
        """Its stdin, where a pipe was asked for."""
        assert self._popen.stdin is not None  # noqa: S101  (or else it was not asked for)
        return self._popen.stdin

    @property
    def stdout(self) -> IO[str]:
        """Its stdout."""
        assert self._popen.stdout is not None  # noqa: S101  (it is a pipe)
        return self._popen.stdout

    @cached_property
    def started_s(self) -> float:
        """Its start, as `time.perf_counter` counts."""
        return float(self._told.readline() or "nan")

    def end(self) -> tuple[int, float, float]:
        """Wait for its end; return its exit code, `started_s`, and its peak resident memory in MiB."""
        code = self._popen.wait()
        self.stdout.close()
        with self._told:
            return code, self.started_s, float(self._told.readline() or "nan") / 1024


def timed(command: Sequence[str | Path]) -> Timed:
    """Run *command* to its end. Raises `BackendError` with what it said when it fails."""
    with tempfile.TemporaryFile() as complaints:
        process = Process(command, stderr=complaints)
        line = process.stdout.readline()
        first = time.perf_counter()
        process.stdout.read()
        code, started, peak = process.end()
        ended = time.perf_counter()
        if code != 0:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()[-500:]
            raise BackendError(f"{' '.join(map(str, command))} left with {code}: {said}")
    return Timed(line, first - started, ended - started, peak)
