"""Watches one process until it ends, or ends it, and judges how it ended."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fuzz.case import Command

MAX_SECONDS: Final = 10.0
MAX_MB: Final = 512
KILL_MB: Final = 1200
"""More than this is not waited for: the machine has other work."""
CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that steer a terminal: all of C0 but tab and newline, C1, and those that turn the direction of writing."""
MAX_LINE: Final = 2000


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    args: tuple[str, ...]
    code: int
    """Exit code; negative: the signal that ended it."""
    seconds: float
    peak_mb: float
    """Of the command's own process."""
    children_mb: float
    """Of the largest process that it started, 0 if none was larger than itself."""
    verdict: str
    """What is wrong, one of `VERDICTS`; empty if nothing is."""
    where: str
    """What tells faults of one kind apart: the last line of a traceback, the signal, the line that is not clear."""
    last_line: str
    foreign: int
    """Lines on stderr that other libraries wrote."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)


VERDICTS: Final = ("signal", "traceback", "hang", "memory", "exit code", "unclear", "control characters")
"""What can be wrong, the worst first."""


def watch(pid: int, args: tuple[str, ...], command: Command, stdout: Path, stderr: Path) -> Ended:
    """Wait for the process *pid*, the leader of a group of its own, and judge it."""
    began = time.monotonic()
    peak_mb = 0.0
    ended_it = ""
    with _poll(pid) as poll:
        while True:
            peak_mb = max(peak_mb, _peak_mb(pid))
            if poll.poll(20):
                break
            if time.monotonic() - began > MAX_SECONDS:
                ended_it = "hang"
            elif peak_mb > KILL_MB:
                ended_it = "memory"
            if ended_it:
                _kill_group(pid)
                break
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    _kill_group(pid)  # what it may have left running
    family_mb = usage.ru_maxrss / 1024
    # The kernel's figure is that of the largest of the process and its children: only a larger one is a child's.
    children_mb = family_mb if peak_mb and family_mb > peak_mb * 1.3 else 0.0
    code = os.waitstatus_to_exitcode(status)
    out = _text(stdout)
    err = _text(stderr)
    verdict, where = _judge(command, code, ended_it, max(peak_mb, 0 if children_mb else family_mb), out, err)
    lines = [line for line in err.splitlines() if line.strip()]
    foreign = sum(not line.startswith(("edge-fer: ", "Usage:", "Try ", "Error: ")) for line in lines)
    last = lines[-1][:300] if lines else ""
    return Ended(args, code, round(seconds, 3), round(peak_mb, 1), round(children_mb, 1), verdict, where, last, foreign)


def _judge(command: Command, code: int, ended_it: str, peak_mb: float, out: str, err: str) -> tuple[str, str]:
    lines = [line for line in err.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if ended_it == "hang":
        return "hang", f"over {MAX_SECONDS:g} s"
    if ended_it == "memory" or peak_mb > MAX_MB:
        return "memory", f"over {MAX_MB} MB"
    if code < 0:
        return "signal", signal.Signals(-code).name
    if "Traceback (most recent call last)" in err or "Fatal Python error" in err:
        return "traceback", _origin(lines)
    if code not in command.allowed:
        return "exit code", f"{code}: {_plain(last)}"
    if code and not any(line.startswith(("edge-fer: ", "Error: ")) for line in lines):
        return "unclear", f"exit code {code} with no line of edge-fer's: {_plain(last)}"
    if code and max(map(len, lines)) > MAX_LINE:
        return "unclear", f"a line of over {MAX_LINE} characters: {_plain(last)}"
    if "edge-fer: " in last and not last.removeprefix("edge-fer: ").strip(" :"):
        return "unclear", "an empty message"
    found = CONTROL.search(err.replace("\r\n", "\n")) or CONTROL.search(out)
    if found:
        return "control characters", f"{found.group()!r} in what {command.args[0]} prints"
    return "", ""


def _origin(lines: list[str]) -> str:
    """Return the last place in our own code, and the exception, of a traceback."""
    places = [line.strip() for line in lines if re.match(r'\s*File ".*(edge_fer|edge_fer_bench)/', line)]
    place = re.sub(r'File ".*?(edge_fer\w*/[^"]*)", line (\d+), in (\S+)', r"\1:\2 \3", places[-1]) if places else ""
    return f"{place}: {_plain(lines[-1])}"


def _plain(line: str) -> str:
    """Return *line* without what differs from input to input: numbers, quoted values, paths."""
    line = re.sub(r"input/\S+|/tmp/\S+", "…", line)
    line = re.sub(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]", "'…'", line)
    return re.sub(r"0x[0-9a-f]+|-?\d[\d.]*(e[+-]?\d+)?", "0", line)[:110]


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(1 << 20).decode(errors="replace")


def _peak_mb(pid: int) -> float:
    # The process may be gone by now, which /proc says in two ways.
    with contextlib.suppress(OSError, IndexError):
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    return 0.0


@contextlib.contextmanager
def _poll(pid: int):
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        yield poll
    finally:
        os.close(descriptor)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
