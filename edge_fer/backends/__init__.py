"""Backends execute model files: the `Backend` protocol, and a table of names, each imported when it is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.preprocess import Preprocess


MAX_THREADS: Final = 64
"""The most threads that a model may use. A larger number is a mistake rather than a small computer."""


@dataclass(frozen=True)
class BackendInfo:
    """What executes the model. Every result of a benchmark contains it."""

    name: str
    """Name in `BACKENDS`."""
    runtime: str
    """The package that does the work, for example ``ai-edge-litert``."""
    version: str
    threads: int
    precision: str
    """Type of the model's input: ``int8``, ``uint8`` or ``float32``."""
    computes: str
    """Numbers in which its heaviest layers compute on this machine: ``int8``, ``float16``, ``float32`` or ``mixed``."""


@dataclass(frozen=True)
class ModelFile:
    """A model as a backend receives it."""

    content: bytes
    preprocess: Preprocess
    labels: tuple[str, ...]
    threads: int = 1
    weights: bytes = b""
    """Content of the second file of a format that has two."""


class Backend(Protocol):
    """A loaded model. A context manager, so that the runtime's memory is released."""

    @property
    def info(self) -> BackendInfo:
        """What executes the model."""
        ...

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return ``(n, labels)`` float32 scores of ``(n, N, N)`` uint8 *crops*; n may be 0.

        Raises `BadInput` for another shape or dtype, `BackendError` if the runtime fails.
        """
        ...

    def close(self) -> None:
        """Release the model. Closing twice is allowed; running after that raises `BackendError`."""
        ...

    def __enter__(self) -> Self:
        """Return the backend itself."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        ...


class BackendBase:
    """What every backend shares: it is closed when its ``with`` block ends."""

    def close(self) -> None:
        """Release nothing."""

    def __enter__(self) -> Self:
        """Return the backend itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self.close()


class BackendModule(Protocol):
    """What each module in `BACKENDS` provides."""

    def load(self, model: ModelFile) -> Backend:
        """Load *model*. Raises `MissingDependency` without the runtime, `BackendError` if it refuses the file."""
        ...


# import-linter does not see these imports: it reads import statements only.
BACKENDS: Final[dict[str, str]] = {
    "litert": "edge_fer.backends.litert",
    "openvino": "edge_fer.backends.openvino",
    "onnx": "edge_fer.backends.onnx",
    "fake": "edge_fer.backends.fake",
}
"""Modules by name. The name of a target (``litert-int8``) begins with the name of its backend."""


def load(name: str, model: ModelFile) -> Backend:
    """Load *model* into the backend *name*, and never into another.

    Raises `BadInput` for an unknown name, `MissingDependency` without the runtime, `BackendError` if it refuses the
    file.
    """
    if name not in BACKENDS:
        raise BadInput(f"no backend {name!r}; known backends are {', '.join(BACKENDS)}")
    # Only now: few machines have all runtimes, and each takes long to import.
    module: BackendModule = importlib.import_module(BACKENDS[name])
    return module.load(model)


def check_crops(crops: NDArray[np.uint8], preprocess: Preprocess) -> None:
    """Raise `BadInput` unless *crops* are ``(n, N, N)`` uint8 of the size in the spec."""
    side = preprocess.size_px
    if crops.ndim != 3 or crops.shape[1:] != (side, side) or crops.dtype != "uint8":
        raise BadInput(f"crops are {crops.shape} {crops.dtype}; this model takes (n, {side}, {side}) uint8")
