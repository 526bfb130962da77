"""Starts the process that works with PyTorch, and translates its errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer import __version__
from edge_fer.errors import BadInput, MissingDependency, one_line
from edge_fer_convert.formats.axes import channels_last, to_model_order
from edge_fer_convert.formats.tflite_padding import with_finite_padding

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEEDED: Final = ("torch", "litert_torch", "onnx", "onnxscript")
MODULE: Final = "edge_fer_convert.pytorch.work"
LIMIT_S: Final = 1800
"""Seconds that one piece of work may take."""
INSTALL: Final = (
    "pip install 'edge-fer[torch]', here or in an environment of its own: in a clone, python -m venv torch-env && "
    "torch-env/bin/pip install '.[torch]', then pass --torch-python torch-env/bin/python"
)
FACES: Final = "faces.npy"
SCORES: Final = "scores.npy"
TENSORS: Final = "tensors.npz"


class ToolError(Exception):
    """PyTorch or litert-torch cannot do something with a model; the text is its own, whole."""


@dataclass(frozen=True)
class TorchProcess:
    """Works with PyTorch in a process of its own; each call starts one, which takes some seconds."""

    python: Path | None = None
    """The Python of another environment, which has edge-fer with its extra ``torch``; None for this one."""

    def require(self) -> None:
        """Raise `MissingDependency` unless the process can be started with all that it needs."""
        if self.python is None:
            missing = [name for name in NEEDED if util.find_spec(name) is None]
            if missing:
                raise MissingDependency(f"PyTorch models need {', '.join(missing)}: {INSTALL}")
            return
        if not self.python.is_file():
            raise MissingDependency(f"no Python at {self.python}: {INSTALL}")
        try:
            answer = self._work("versions", {})
        except ToolError as exc:
            raise MissingDependency(f"{self.python} cannot use PyTorch: {one_line(exc)}; {INSTALL}") from exc
        if answer["edge_fer"] != __version__:
            raise MissingDependency(
                f"{self.python} has edge-fer {answer['edge_fer']}, this is {__version__}: install the same there"
            )

    def to_litert(self, model: Path, shape: tuple[int, ...], output: int = 0) -> bytes:
        """Return the ``.pt2`` or ``.onnx`` *model* as a float ``.tflite`` with input *shape*. Raises `ToolError`."""
        return with_finite_padding(self._converted("litert", model, shape, output))

    def to_onnx(self, model: Path, shape: tuple[int, ...], output: int = 0) -> bytes:
        """Return the ``.pt2`` *model* as ONNX with input *shape*. Raises `ToolError`."""
        return self._converted("onnx", model, shape, output)

    def scores(
        self, model: Path, shape: tuple[int, ...], output: int, values: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return what PyTorch computes for ``(n, N, N, channels)`` *values*, ``(n, classes)``. Raises `ToolError`."""
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / FACES, to_model_order(values, shape))
            self._work("scores", _settings(model, shape, output, folder))
            return np.asarray(np.load(Path(folder) / SCORES), np.float32)

    def tensors(
        self, model: Path, shape: tuple[int, ...], output: int, values: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        """Return what the layers compute for *values*: layer → ``(n, ..., channels)``. Raises `ToolError`."""
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder) / FACES, to_model_order(values, shape))
            names = self._work("tensors", _settings(model, shape, output, folder))["names"]
            with np.load(Path(folder) / TENSORS) as arrays:
                tensors = {name: arrays[str(number)] for number, name in enumerate(names)}
        first = shape[1] != shape[2]
        return {name: channels_last(array) if first else array for name, array in tensors.items()}

    def _converted(self, task: str, model: Path, shape: tuple[int, ...], output: int) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            self._work(task, _settings(model, shape, output, folder))
            return (Path(folder) / task).read_bytes()

    def _work(self, task: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Let the process do *task*, and return its answer. Raises `ToolError` when it cannot, or dies."""
        # Nothing but data is unpickled, and nothing is fetched.
        environment = os.environ | {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1", "HF_HUB_OFFLINE": "1", "USE_TF": "0"}
        if self.python is None:
            # The same modules as here, wherever they were found.
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        else:
            environment.pop("PYTHONPATH", None)
        command = [str(self.python or sys.executable), "-m", MODULE, task, json.dumps(settings)]
        try:
            done = subprocess.run(  # noqa: S603  (this program itself)
                command, capture_output=True, text=True, errors="replace", env=environment, timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired as exc:
            raise ToolError(f"it takes more than {LIMIT_S} s") from exc
        except OSError as exc:
            raise MissingDependency(f"{command[0]} cannot be executed: {exc.strerror}; {INSTALL}") from exc
        return _answer(done)


def _settings(model: Path, shape: tuple[int, ...], output: int, folder: str) -> dict[str, Any]:
    return {"model": str(model.resolve()), "shape": list(shape), "output": output, "folder": folder}


def _answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what the process has answered. Raises `ToolError` with what it says instead."""
    if done.returncode < 0:
        raise ToolError(f"it died ({signal.Signals(-done.returncode).name})")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as exc:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise MissingDependency(f"PyTorch cannot be used: {one_line(lines[-1])}; {INSTALL}") from exc
    if "missing" in answer:
        raise MissingDependency(f"PyTorch models need {answer['missing']}: {INSTALL}")
    if "error" in answer:
        raise ToolError(answer["error"])
    return answer


@dataclass(frozen=True)
class TorchModel:
    """A ``.pt2`` as PyTorch executes it: an `Original`."""

    process: TorchProcess
    path: Path
    shape: tuple[int, int, int, int]
    """Of its input, with nothing left open."""
    output: int
    """Number of the output that holds the scores."""

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` outputs for ``(n, N, N, channels)`` *values*."""
        try:
            return self.process.scores(self.path, self.shape, self.output, values)
        except ToolError as exc:
            raise BadInput(f"PyTorch cannot execute {self.path}: {one_line(exc)}") from exc

    def tensors(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return what its layers compute for *values*, under the names of its modules."""
        try:
            return self.process.tensors(self.path, self.shape, self.output, values)
        except ToolError:  # then it is not known where two forms part
            return {}
