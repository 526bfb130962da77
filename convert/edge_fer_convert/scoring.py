"""Scores model files with the device's own backends, so that the gate measures what a device computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.backends import load as load_backend
from edge_fer_convert.threads import THREADS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.progress import ProgressListener
    from edge_fer_convert.model_metadata import ModelMetadata
    from edge_fer_convert.targets import Files

BATCH: Final = 128
"""Number of faces scored between two updates of the progress line; backends compute one face at a time."""


@dataclass(frozen=True)
class Scorer:
    """Scores model files on one set of faces."""

    metadata: ModelMetadata
    crops: NDArray[np.uint8]
    """``(n, N, N)`` faces."""
    progress: ProgressListener

    def scores(self, target: str, runtime: str, files: Files) -> NDArray[np.float32]:
        """Return the ``(n, classes)`` scores that *files* give on *runtime*; *target* is named in the progress."""
        parts = []
        with load_backend(runtime, files.model_file(self.metadata, THREADS)) as backend:
            for start in range(0, len(self.crops), BATCH):
                self.progress.step(f"{target}: evaluating", start / len(self.crops))
                parts.append(backend.run(self.crops[start : start + BATCH]))
        return np.concatenate(parts)

    def computes(self, runtime: str, files: Files) -> str:
        """Return what the heaviest layers of *files* compute in on this machine, for instance ``int8``."""
        with load_backend(runtime, files.model_file(self.metadata)) as backend:
            return backend.info.computes
