"""Timing whole processes: when the first line comes, when the end, and how much memory it took."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_fer.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Timed:
    """A process that has ended well."""

    first_line: str
    first_line_s: float
    """Seconds from its start to its first line on stdout."""
    whole_s: float
    peak_memory_mb: float
    """Peak resident memory, in MiB."""


def timed(command: Sequence[str | Path]) -> Timed:
    """Run *command* to its end. Raises `BackendError` with what it said when it fails."""
    with tempfile.TemporaryFile() as complaints:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        assert process.stdout is not None  # noqa: S101  (it is a pipe)
        line = process.stdout.readline()
        first = time.perf_counter() - started
        process.stdout.read()
        process.stdout.close()
        peak = wait(process)
        whole = time.perf_counter() - started
        if process.returncode != 0:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()[-500:]
            raise BackendError(f"{' '.join(map(str, command))} left with {process.returncode}: {said}")
    return Timed(line, first, whole, peak)


def wait(process: subprocess.Popen[str]) -> float:
    """Wait for *process* to end and return its peak resident memory in MiB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024
