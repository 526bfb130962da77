"""Tries things in processes of their own: an import may end the process, never return, or fill the memory.

Where there is memory for it, they run side by side, so that together they take as long as the slowest. Their answers
are waited for when a check asks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge_fer import host
from edge_fer.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
CHILD: Final = "edge_fer_devices.doctor.probe_child"
"""The module that each process executes."""
LIMIT_S: Final = 120.0
"""How long a probe may take: a small board with a slow card imports for ten seconds."""
SIDE_BY_SIDE_MB: Final = 500.0
"""Available memory from which on they run side by side; each takes about 90 MiB."""


@dataclass(frozen=True)
class Result:
    """What became of a probe: its *answer*, or else its end."""

    answer: dict[str, Any] | None
    end: str = ""
    """How the process ended without an answer, such as ``was ended by SIGILL``."""
    log: str = ""
    """What the libraries wrote to stderr."""


class Probe(Protocol):
    """Something that was tried."""

    def result(self) -> Result:
        """Return what became of it; waits until it is known."""
        ...


class ChildProbe:
    """A probe in a process of its own. *arguments* are the name of the probe and what it needs."""

    def __init__(self, arguments: Sequence[str], limit_s: float = LIMIT_S) -> None:
        self._arguments = arguments
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._result: Result | None = None

    def start(self) -> None:
        """Start the process, unless it was started."""
        if self._process is not None or self._result is not None:
            return
        # The same modules as here, whatever the folder: entries of sys.path may be relative.
        paths = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100  (keeps zips as they are)
        try:
            self._process = subprocess.Popen(  # noqa: S603  (a program of ours, with the user's own arguments)
                [_this_python(), "-m", CHILD, *self._arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
            )  # fmt: skip
        except OSError as exc:  # no memory, too many processes
            self._result = Result(None, f"could not be started: {exc.strerror or exc}")

    def result(self) -> Result:
        """Return what became of it. It is ended after its limit of time."""
        self.start()
        if self._result is None:
            assert self._process is not None  # noqa: S101  (it was started)
            self._result = _wait(self._process, self._limit_s)
        return self._result

    def close(self) -> None:
        """End the process, if it still runs."""
        if self._process is not None and self._result is None:
            self._process.kill()
            self._process.communicate()


def _this_python() -> str:
    """Return the path of this Python, which does not know it where ``PATH`` is not set."""
    return sys.executable or os.path.realpath("/proc/self/exe")


def _wait(process: subprocess.Popen[bytes], limit_s: float) -> Result:
    try:
        output, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Result(None, f"did not end within {limit_s:g} s")
    log = errors.decode(errors="replace")
    code = process.returncode
    if code < 0:
        return Result(None, f"was ended by {_signal_name(-code)}", log)
    try:
        return Result(json.loads(output), log=log)
    except ValueError:
        last_line = one_line((log.strip().splitlines() or ["without a word"])[-1])
        return Result(None, f"failed with exit code {code}: {last_line}", log)


class Probes:
    """All probes of this machine. A context manager, which leaves no process behind.

    *model*, *target* and *key* are what the golden answers are compared of; empty for what ``edge-fer run`` takes here.
    """

    def __init__(self, model: str = "", target: str = "", key: str = "") -> None:
        self._children = {
            "opencv": ChildProbe(["opencv"]),
            "litert": ChildProbe(["litert"]),
            "golden": ChildProbe(["golden", model, target, key]),
            "numpy": ChildProbe(["numpy"]),
        }

    def __enter__(self) -> Mapping[str, Probe]:
        """Return the probes by name. With enough memory for all of them, the long ones have begun."""
        available_mb = host.available_mb()
        if available_mb is None or available_mb >= SIDE_BY_SIDE_MB:
            for name in ("golden", "litert", "opencv"):
                self._children[name].start()
        return dict(self._children)

    def __exit__(self, *exc: object) -> None:
        """End those that still run."""
        for child in self._children.values():
            child.close()


@dataclass(frozen=True)
class Known:
    """A probe whose result is known already; for tests, too."""

    known: Result

    def result(self) -> Result:
        """Return the result."""
        return self.known


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
