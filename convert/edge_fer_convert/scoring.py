"""Scores model files with the device's own backends, so that the gate measures what a device computes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from edge_fer.backends import load as load_backend
from edge_fer_convert.threads import THREADS
from edge_fer_convert.timing import latencies_ms
from edge_fer_convert.trial import BATCH, Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge_fer.progress import ProgressListener
    from edge_fer_convert.model_metadata import ModelMetadata
    from edge_fer_convert.targets import Files
RUNS: Final = 30
"""Runs of each file that tell which of two is faster."""


@dataclass(frozen=True)
class Scorer:
    """Scores model files on one set of faces. A context manager, which ends the processes that do it."""

    metadata: ModelMetadata
    crops: NDArray[np.uint8]
    """``(n, N, N)`` faces."""
    progress: ProgressListener
    _trials: dict[str, Trial] = field(default_factory=dict, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        """Return the scorer itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """End the processes."""
        self._stack.close()

    def scores(self, target: str, runtime: str, files: Files) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` scores that *files* give on *runtime*; *target* is named in the progress."""
        parts = []
        with load_backend(runtime, files.model_file(self.metadata, THREADS)) as backend:
            for start in range(0, len(self.crops), BATCH):
                self.progress.step(f"{target}: evaluating", start / len(self.crops))
                parts.append(backend.run(self.crops[start : start + BATCH]))
        return np.concatenate(parts)

    def tried(self, target: str, runtime: str, files: Files) -> NDArray[np.float32]:
        """Return the same as `scores`, computed in another process: nobody knows yet whether the runtime survives it.

        Raises `BackendError` when it does not.
        """
        if runtime not in self._trials:
            self._trials[runtime] = self._stack.enter_context(Trial(runtime, self.crops))
        model = files.model_file(self.metadata, THREADS)
        return self._trials[runtime].scores(model, lambda share: self.progress.step(f"{target}: evaluating", share))

    def medians_ms(self, runtime: str, files: Sequence[Files]) -> list[float]:
        """Return the median latency of each of *files* on this machine: of one face and one thread."""
        models = [(runtime, each.model_file(self.metadata)) for each in files]
        return [float(np.median(latencies)) for latencies in latencies_ms(models, self.crops, RUNS)]

    def computes(self, runtime: str, files: Files) -> str:
        """Return what the heaviest layers of *files* compute in on this machine, for instance ``int8``."""
        with load_backend(runtime, files.model_file(self.metadata)) as backend:
            return backend.info.computes
