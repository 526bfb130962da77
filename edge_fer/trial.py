"""The trial: a model file from outside is first loaded and run in a process of its own, which may die in our place.

A model file is a program. It can kill the process that runs it (an operator with the wrong inputs), never end (a loop)
or fill the memory. The runtimes do not guard against that, so a child process goes first. It has an empty folder to
work in, and limits on time, processor time, memory and files. What it gets is the bytes that were checked, through a
pipe, and the same bytes are executed here afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer import errors, host
from edge_fer.backends import BACKENDS
from edge_fer.errors import BadBundle, BadInput, EdgeFerError, MissingDependency
from edge_fer.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

    from edge_fer.bundle import Bundle
    from edge_fer.manifest import Target

CHILD: Final = "edge_fer.trial_child"
"""The module that the child executes."""
SINGLE_MODEL: Final = "model"
"""What the child calls a model file that belongs to no bundle."""
READY: Final = b"ready\n"
"""What the child says before it looks at the files."""
START_LIMIT_S: Final = 30.0
"""How long Python and the imports may take, which is not the bundle's fault."""
POLL_MS: Final = 5
SECONDS_A_MB: Final = 0.05
"""What a small board may take to load a large model, beyond the limit for small ones."""
MAX_MORE_S: Final = 4.0
"""The most that it may take longer, however large it claims to be."""
MAX_ANSWER_BYTES: Final = 1 << 16


@dataclass(frozen=True)
class Limits:
    """What a model file may take in its trial."""

    time_s: float = 4.0
    """From the beginning of the loading to the last answer."""
    cpu_s: int = 4
    """Processor time of all threads in it."""
    memory_mb: int = 400
    """Resident memory, in MiB. Runtimes with a small model need 70 to 140."""

    def with_files(self, size_bytes: int) -> Limits:
        """Return limits for files of *size_bytes*: each runtime holds its model a few times while it loads it."""
        size_mb = size_bytes / 2**20
        more_s = min(SECONDS_A_MB * size_mb, MAX_MORE_S)
        return Limits(self.time_s + more_s, self.cpu_s + int(more_s), self.memory_mb + int(4 * size_mb))


def check(
    bundle: Bundle,
    target: Target,
    contents: Mapping[str, bytes],
    *,
    backend: str,
    threads: int,
    limits: Limits = Limits(),
) -> None:
    """Raise unless *target*, whose files have *contents*, answers a few pictures in a process of its own.

    Nothing is tried for a trusted bundle, for the fake, which does not look at the files, and for an unknown backend.
    Raises `BadBundle` if the model ends that process or exceeds *limits*, and what loading it here would raise.
    """
    if bundle.trusted or backend not in BACKENDS or backend == "fake":
        return
    request = {"target": target.name, "runtime": backend, "threads": threads, "golden": False}
    _run(request, {MANIFEST: bundle.manifest_bytes, **contents}, str(bundle.path), limits)


def check_golden(
    bundle: Bundle, target: Target, contents: Mapping[str, bytes], *, threads: int, limits: Limits = Limits()
) -> dict[str, Any]:
    """Compare *target* with the golden answers in a process of its own, and return a `Verification` as a dictionary.

    Raises as `check` does.
    """
    request = {"target": target.name, "runtime": target.runtime, "threads": threads, "golden": True}
    golden = {bundle.manifest.golden.file: bundle.read(bundle.manifest.golden)}
    files = {MANIFEST: bundle.manifest_bytes, **contents, **golden}
    answer = _run(request, files, str(bundle.path), limits)
    verification: dict[str, Any] = answer["verification"]
    return verification


def check_detector(name: str, path: Path, content: bytes, limits: Limits = Limits()) -> None:
    """Raise unless the detector *name* searches a few pictures in a process of its own.

    *content* is that of its model file, at *path*. Raises `BadInput` if the model ends that process, exceeds *limits*
    or is of another kind, and what loading it here would raise.
    """
    _run({"detector": name}, {SINGLE_MODEL: content}, str(path), limits)


def check_file(module: str, path: Path, content: bytes, limits: Limits = Limits()) -> None:
    """Raise unless ``rehearse(content, path)`` of *module* ends well in a process of its own.

    *content* is that of the model file *path*. Raises `BadInput` if the model ends that process, exceeds *limits* or is
    of another kind, and what ``rehearse`` raises.
    """
    _run({"module": module}, {SINGLE_MODEL: content}, str(path), limits)


def _run(request: dict[str, Any], files: Mapping[str, bytes], path: str, limits: Limits) -> dict[str, Any]:
    """Let a child answer *request* about *files* of what is at *path*, and raise the error that it answers."""
    limits = limits.with_files(sum(map(len, files.values())))
    header = {
        **request,
        "path": path,
        "files": {name: len(content) for name, content in files.items()},
        "limits": asdict(limits),
    }
    with tempfile.TemporaryDirectory(prefix="edge-fer-trial-") as folder:
        outcome = _Child(Path(folder)).answer([json.dumps(header).encode() + b"\n", *files.values()], limits)
    if isinstance(outcome, str):
        raise _refusal(request, path, outcome)
    if "error" in outcome:
        raise _error(outcome["error"], outcome["message"])
    return outcome


def _refusal(request: dict[str, Any], path: str, outcome: str) -> EdgeFerError:
    """Return what to raise if *outcome*, in words, is what became of the child."""
    if is_single(request):
        return BadInput(f"{path} {outcome}; do not use this file unless you know who made it")
    return BadBundle(f"{path}: {request['target']} {outcome}; do not use this bundle unless you know who made it")


def is_single(request: Mapping[str, Any]) -> bool:
    """Return whether *request* is about a model file that belongs to no bundle."""
    return "detector" in request or "module" in request


def _error(name: str, message: str) -> EdgeFerError:
    """Return the error that a child has raised."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, EdgeFerError):
        return kind(message)
    return BadBundle(message)


class _Child:
    """One process that tries one model, in an empty *folder*."""

    def __init__(self, folder: Path) -> None:
        if not sys.executable:
            raise MissingDependency(
                "a bundle from outside is tried by another Python, and this one does not know its own path; "
                "load it with trusted=True if you made it yourself"
            )
        # The same modules as here, whatever the folder: entries of sys.path may be relative.
        paths = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100  (keeps zips as they are)
        self._process = subprocess.Popen(  # noqa: S603  (nothing of the bundle is in the command)
            [sys.executable, "-m", CHILD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
            env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            # In a session of its own: Ctrl-C is for this process, which then ends the child.
            start_new_session=True,
        )  # fmt: skip

    def answer(self, request: Sequence[bytes], limits: Limits) -> dict[str, Any] | str:
        """Send *request* and return the answer, or in words what has become of the child instead."""
        assert self._process.stdin is not None  # noqa: S101  (both are pipes)
        assert self._process.stdout is not None  # noqa: S101
        # In a thread, as the child may stop reading at any moment, while this one watches it.
        writer = threading.Thread(target=_send, args=(self._process.stdin, request), daemon=True)
        writer.start()
        try:
            output, reason = self._watched(self._process.stdout.fileno(), limits)
        finally:
            self._process.kill()
            self._process.wait()
            writer.join()
            self._process.stdout.close()
        return reason or self._parsed(output, limits)

    def _watched(self, stdout: int, limits: Limits) -> tuple[bytes, str]:
        """Read all of *stdout* and return it, or the reason why the child has to be ended."""
        output = b""
        deadline = time.monotonic() + START_LIMIT_S
        started = False
        # Not select, which knows the first 1,024 files of a process alone.
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        while time.monotonic() < deadline:
            if poll.poll(POLL_MS):
                chunk = os.read(stdout, MAX_ANSWER_BYTES)
                output += chunk
                if len(output) > MAX_ANSWER_BYTES:
                    return output, f"answers with more than {MAX_ANSWER_BYTES} bytes"
                if not chunk:
                    # The pipe is closed an instant before the process has ended.
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(1.0)
                    return output, ""
                if not started and output.startswith(READY):
                    started = True
                    deadline = time.monotonic() + limits.time_s
            # macOS does not tell, and has the limit of time alone.
            elif (host.process_memory_mb(self._process.pid) or 0) > limits.memory_mb:
                return output, _too_much_memory(limits)
        if not started:
            return output, "could not be tried: no Python started"
        return output, f"takes longer than {limits.time_s:.1f} s"

    def _parsed(self, output: bytes, limits: Limits) -> dict[str, Any] | str:
        """Return the answer in *output*, or how the process ended without one."""
        code = self._process.returncode
        if code in (-signal.SIGXCPU, -signal.SIGALRM):
            return f"takes longer than {limits.cpu_s} s of processor time"
        if code < 0:
            return f"ends the process that runs it ({_signal_name(-code)})"
        try:
            answer: dict[str, Any] = json.loads(output.removeprefix(READY))
        except ValueError:
            return f"ends the process that runs it (exit code {code})"
        return _too_much_memory(limits) if answer.get("error") == "MemoryError" else answer


def _send(pipe: IO[bytes], request: Sequence[bytes]) -> None:
    # A child that has ended takes no more; what it was is told by how it ended.
    with contextlib.suppress(BrokenPipeError), pipe:
        for part in request:
            pipe.write(part)


def _too_much_memory(limits: Limits) -> str:
    return f"takes more than {limits.memory_mb} MiB of memory"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
