"""What is measured: edge-fer's targets that run here, and peers; each a process that answers lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from edge_fer.errors import BackendError, MissingDependency
from edge_fer_bench.processes import Process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.bundle import Bundle


@dataclass(frozen=True)
class Candidate:
    """One way to do the work, and the command that starts a worker that does it."""

    name: str
    command: tuple[str, ...]
    threads: int
    kind: Literal["edge-fer", "peer"] = "edge-fer"
    bundle: str = ""
    target: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    capabilities: frozenset[str] = frozenset({"frames", "paced", "golden", "judge", "behave"})
    """What it can be asked for."""


def of_bundle(
    model: str, bundle: Bundle, threads: Sequence[int], target: str | None = None, backend: str | None = None
) -> list[Candidate]:
    """Return each target of *bundle*, or *target* only, once with each number of *threads*."""
    found = []
    for entry in [bundle.target(target)] if target else bundle.manifest.targets:
        for count in threads:
            command = (sys.executable, "-m", "edge_fer_bench.worker", "--model", model, "--target", entry.name)
            command += ("--threads", str(count), *(("--backend", backend) if backend else ()))
            name = f"{bundle.manifest.name} {entry.name} x{count}"
            found.append(Candidate(name, command, count, bundle=bundle.manifest.name, target=entry.name))
    return found


class WorkerProcess:
    """A candidate that runs. A context manager; leaving it ends the process."""

    def __init__(self, candidate: Candidate, arguments: Sequence[str]) -> None:
        self.name = candidate.name
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        self._process = Process(
            [*candidate.command, *arguments],
            stdin=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **candidate.environment},
            start_new_session=True,  # Ctrl-C ends the harness, which then ends its workers
        )
        self._ended: float | None = None
        self.hello = self._read()
        self.cold_start_s = time.perf_counter() - self._process.started_s
        """From the start of the process to its first result."""
        self.cpu_s = 0.0
        """CPU seconds that it had used when it last answered."""

    def ask(self, do: str, **question: Any) -> dict[str, Any]:
        """Ask and return the answer. Raises `BackendError` with what it said when it fails."""
        try:
            self._process.stdin.write(json.dumps({"do": do, **question}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        answer = self._read()
        self.cpu_s = answer.pop("cpu_s", self.cpu_s)
        return answer

    def end(self) -> float:
        """End the process and return its peak resident memory in MiB."""
        if self._ended is None:
            self._process.stdin.close()
            *_, self._ended = self._process.end()
            self._complaints.close()
        return self._ended

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            self._fail()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            self.end()
            raise (MissingDependency if answer.get("missing") else BackendError)(answer["error"])
        return answer

    def _fail(self) -> None:
        code, *_ = self._process.end()
        self._ended = 0.0
        with self._complaints:
            self._complaints.seek(0)
            said = self._complaints.read().decode(errors="replace").strip().splitlines()
        raise BackendError(f"{self.name} ended with {code}: {said[-1] if said else 'it said nothing'}")

    def __enter__(self) -> Self:
        """Return the worker itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """End it."""
        self.end()
