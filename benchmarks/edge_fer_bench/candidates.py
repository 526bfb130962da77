"""What is measured: targets of edge-fer that run here, and peers. Each runs in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from edge_fer import trial
from edge_fer.detectors import DEFAULT_DETECTOR
from edge_fer.errors import BackendError, BadBundle, MissingDependency
from edge_fer_bench.processes import Process
from edge_fer_bench.results import Skipped, StatedAccuracy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_fer.bundle import Bundle
    from edge_fer.manifest import Target


@dataclass(frozen=True)
class Candidate:
    """One way to do the work, and the command that starts its worker (see `edge_fer_bench.worker`)."""

    name: str
    command: tuple[str, ...]
    threads: int
    kind: Literal["edge-fer", "peer"] = "edge-fer"
    bundle: str = ""
    target: str = ""
    detector: str = DEFAULT_DETECTOR
    """What finds the faces, without the file of its model."""
    size_bytes: int | None = None
    """Size of the files of its model."""
    stated: StatedAccuracy | None = None
    """What its bundle says of its accuracy."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables to set in addition to those of this process."""
    capabilities: frozenset[str] = frozenset({"frames", "paced", "golden", "classify", "record_states"})
    """Requests that its worker can answer."""


def candidates_of_bundle(
    model: str, bundle: Bundle, threads: Sequence[int], target: str | None = None, backend: str | None = None,
    detectors: Sequence[str] = (),
) -> list[Candidate]:  # fmt: skip
    """Return one candidate for each target of *bundle*, each number of *threads* and each of *detectors*.

    *model* is the path or shipped name that *bundle* was loaded from; the worker loads it again. With *target*, only
    that target is measured. *backend* replaces the backend that belongs to a target. Without
    *detectors* (see `edge_fer.detectors.open_detector`) the default one finds the faces, and is not measured by itself.
    Raises `BadBundle` for a target that the bundle does not have.
    """
    entries = [bundle.target(target)] if target else bundle.manifest.targets
    candidates: list[Candidate] = []
    for entry in entries:
        for count in threads:
            # The same interpreter, so that the worker has the packages of this installation.
            command = [sys.executable, "-m", "edge_fer_bench.worker"]
            # With its checksum: what is measured, and executed, is what was checked and tried.
            command += ["--model", model, "--manifest", hashlib.sha256(bundle.manifest_bytes).hexdigest()]
            command += ["--target", entry.name, "--threads", str(count)]
            if backend:
                command += ["--backend", backend]
            name = f"{bundle.manifest.name} {entry.name} x{count}"
            candidate = Candidate(
                name, tuple(command), count, bundle=bundle.manifest.name, target=entry.name,
                size_bytes=entry.total_bytes, stated=_stated(entry),
            )  # fmt: skip
            candidates += _with_detectors(candidate, detectors)
    return candidates


def _stated(target: Target) -> StatedAccuracy | None:
    found = target.evaluation
    if found is None:
        return None
    votes = found.votes
    return StatedAccuracy(
        data=f"{found.data} {found.split}".strip(),
        images=found.images,
        accuracy=found.accuracy,
        votes_images=votes.images if votes else 0,
        votes_accuracy=votes.accuracy_8_classes if votes else None,
    )


def _with_detectors(candidate: Candidate, detectors: Sequence[str]) -> list[Candidate]:
    """Return *candidate* with each of *detectors*; as it is without any."""
    if not detectors:
        return [candidate]
    candidates: list[Candidate] = []
    for detector in detectors:
        kind = detector.partition(":")[0]
        one = replace(
            candidate,
            name=f"{candidate.name} {kind}",
            command=(*candidate.command, "--detector", detector),
            detector=kind,
            capabilities=candidate.capabilities | {"detect"},
        )
        candidates.append(one)
    return candidates


def fit_candidates(
    bundle: Bundle, candidates: Sequence[Candidate], backend: str | None = None
) -> tuple[list[Candidate], list[Skipped]]:
    """Try each target of *bundle* among *candidates* once; return those that can be measured, and why others cannot.

    Workers load their target without a trial (see `edge_fer.trial`), which would count into their start.
    """
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(candidate.target for candidate in candidates):
        try:
            target = bundle.target(name)
            trial.check(bundle, target, bundle.contents(target), backend=backend or target.runtime, threads=1)
        except MissingDependency:
            continue  # the worker says so itself
        except (BadBundle, BackendError) as exc:
            reasons[name] = str(exc)
    fit = [candidate for candidate in candidates if candidate.target not in reasons]
    refused = [
        Skipped(name=candidate.name, why=reasons[candidate.target])
        for candidate in candidates
        if candidate.target in reasons
    ]
    return fit, refused


class WorkerProcess:
    """The running process of a candidate. A context manager; leaving it ends the process.

    Raises `MissingDependency` if the candidate lacks a package, and `BackendError` if it cannot start.
    """

    def __init__(self, candidate: Candidate, arguments: Sequence[str]) -> None:
        self.name = candidate.name
        # A file and not a pipe: nobody reads stderr while the worker runs, and a full pipe would block it.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        self._process = Process(
            [*candidate.command, *arguments],
            stdin=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **candidate.environment},
            # In a session of its own it does not receive Ctrl-C: the harness does, and then ends its workers in order.
            start_new_session=True,
        )
        self._peak_memory_mb: float | None = None
        # The worker says hello when it has classified its first frame, so reading it marks the end of the cold start.
        self.hello = self._read()
        self.cold_start_s = time.perf_counter() - self._process.started_s
        """From the start of the process to its first result."""
        self.cpu_s = 0.0
        """CPU seconds that the process had used at its last answer."""

    def ask(self, do: str, **parameters: Any) -> dict[str, Any]:
        """Send the request *do* and return the answer. Raises `BackendError` with the worker's own message."""
        request = {"do": do, **parameters}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise self._failure() from exc
        answer = self._read()
        # Sent with every answer, and no part of it: the harness subtracts it from the load of other programs.
        self.cpu_s = answer.pop("cpu_s", self.cpu_s)
        return answer

    def end(self) -> float:
        """End the process, if it still runs, and return its peak resident memory in MiB."""
        if self._peak_memory_mb is None:
            self._process.stdin.close()  # the worker ends with its input
            # After an interruption nobody has read its answer, and writing a long one into a full pipe never ends.
            self._process.stdout.read()
            self._peak_memory_mb = self._process.end().peak_memory_mb
            self._stderr.close()
        return self._peak_memory_mb

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:  # the end of stdout, so the process has ended or is about to
            raise self._failure()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            # The worker ends by itself after an error; waiting for it here leaves no process behind.
            self.end()
            error_class = MissingDependency if answer.get("missing") else BackendError
            raise error_class(answer["error"])
        return answer

    def _failure(self) -> BackendError:
        """Return why the process has ended although it was asked something: the last line of its stderr."""
        exit_code = self._process.end().exit_code
        self._peak_memory_mb = 0.0  # known, so that `end` does not wait a second time
        with self._stderr:
            self._stderr.seek(0)
            lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        # A traceback ends with the exception, which is the line that a user needs.
        reason = lines[-1] if lines else "no message on stderr"
        return BackendError(f"{self.name} ended with exit code {exit_code}: {reason}")

    def __enter__(self) -> Self:
        """Return the worker itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """End the process."""
        self.end()
