"""Executes quantized files in a process of its own: a runtime that dies of one takes nothing else with it.

LiteRT, OpenVINO and ONNX Runtime check some things with assertions in C++, which end the process. `Trial` starts this
module as a program, one for each runtime, and starts it anew after it has died.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from edge_fer.backends import ModelFile
from edge_fer.backends import load as load_backend
from edge_fer.errors import BackendError, EdgeFerError
from edge_fer.preprocess import Preprocess
from edge_fer_convert.failures import whole_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

BATCH: Final = 128
"""Number of faces scored between two reports of progress; backends compute one face at a time."""
CROPS: Final = "crops.npy"
SCORES: Final = "scores.npy"
MODEL: Final = "model"
WEIGHTS: Final = "weights"
REMARKS: Final = "remarks"
STDERR: Final = 2
LAST: Final = 4000
"""Number of characters that are kept of what a runtime printed before it died."""


class Trial:
    """A process that scores files of one runtime on one set of faces. A context manager, which ends it."""

    def __init__(self, runtime: str, crops: NDArray[np.uint8]) -> None:
        """Take the ``(n, N, N)`` faces *crops*. The process starts with the first file."""
        self._runtime = runtime
        self._crops = crops
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Return the trial itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """End the process and remove its files."""
        self._end()
        if self._folder is not None:
            self._folder.cleanup()

    def scores(self, model: ModelFile, progress: Callable[[float], None]) -> NDArray[np.float32]:
        """Return the ``(n, labels)`` scores of *model*; *progress* receives the share that is done.

        Raises `BackendError` when the runtime refuses *model*, or dies of it.
        """
        folder = self._started()
        (folder / MODEL).write_bytes(model.content)
        (folder / WEIGHTS).write_bytes(model.weights)
        settings = {
            "preprocess": model.preprocess.model_dump(mode="json"),
            "labels": model.labels,
            "threads": model.threads,
        }
        try:
            self._write(settings)
            for answer in self._answers():
                if "error" in answer:
                    raise BackendError(answer["error"]) from _said(answer["said"])
                progress(answer["share"])
                if answer["share"] == 1:
                    return np.asarray(np.load(folder / SCORES), np.float32)
        except BrokenPipeError:
            pass
        died = BackendError(f"{self._runtime} died while executing it ({self._end()})")
        raise died from _said((folder / REMARKS).read_text(errors="replace")[-LAST:])

    def _started(self) -> Path:
        """Return the folder that the process works in, which is started if need be."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="edge-fer-")
            np.save(Path(self._folder.name) / CROPS, self._crops)
        if self._process is None:
            # The same modules as here, wherever they were found.
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            # What a runtime says when it dies. To a file, because a pipe that nobody reads fills up.
            with (Path(self._folder.name) / REMARKS).open("wb") as remarks:
                self._process = subprocess.Popen(  # noqa: S603  (this program itself)
                    [sys.executable, "-m", __name__, self._runtime, self._folder.name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=remarks,
                    text=True,
                    env=environment,
                )
        return Path(self._folder.name)

    def _write(self, settings: dict[str, Any]) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{json.dumps(settings)}\n")
            self._process.stdin.flush()

    def _answers(self) -> Iterator[dict[str, Any]]:
        if self._process is not None and self._process.stdout is not None:
            for line in self._process.stdout:
                yield json.loads(line)

    def _end(self) -> str:
        """End the process, and return how it ended."""
        process = self._process
        if process is None:
            return ""
        self._process = None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:  # what was written last had nobody to read it
                    continue
        try:
            code = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _said(text: str) -> RuntimeError | None:
    """Return what a runtime said as the cause of an error."""
    return RuntimeError(text.strip()) if text.strip() else None


@dataclass(frozen=True)
class _Scorer:
    """The other end: what the process does."""

    runtime: str
    folder: Path
    answers: int
    """Descriptor that answers are written to."""

    def score(self, settings: dict[str, Any]) -> None:
        """Score the model that lies in the folder, and answer."""
        model = ModelFile(
            (self.folder / MODEL).read_bytes(),
            Preprocess(**settings["preprocess"]),
            tuple(settings["labels"]),
            settings["threads"],
            (self.folder / WEIGHTS).read_bytes(),
        )
        crops = np.load(self.folder / CROPS, mmap_mode="r")
        parts = []
        try:
            with load_backend(self.runtime, model) as backend:
                for start in range(0, len(crops), BATCH):
                    self._answer({"share": start / len(crops)})
                    parts.append(backend.run(np.ascontiguousarray(crops[start : start + BATCH])))
        except EdgeFerError as exc:
            self._answer({"error": str(exc), "said": whole_text(exc.__cause__)})
            return
        np.save(self.folder / SCORES, np.concatenate(parts))
        self._answer({"share": 1})

    def _answer(self, answer: dict[str, Any]) -> None:
        os.write(self.answers, f"{json.dumps(answer)}\n".encode())


def main() -> None:
    """Score each model that stdin announces, until it is closed."""
    runtime, folder = sys.argv[1:]
    # C++ libraries print to stdout, too.
    answers = os.dup(1)
    os.dup2(STDERR, 1)
    scorer = _Scorer(runtime, Path(folder), answers)
    for line in sys.stdin:
        scorer.score(json.loads(line))


if __name__ == "__main__":
    main()
