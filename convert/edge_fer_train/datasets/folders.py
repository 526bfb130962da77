"""One's own faces: ``<class>/<image>`` in a folder or zip, or an ``.npz``; no split, nobody's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.listing import images_under

if TYPE_CHECKING:
    from pathlib import Path


def recognises(path: Path) -> bool:
    """Tell whether images lie in folders, or it is an npz."""
    return path.suffix.lower() == ".npz" or any(len(name.parts) > 1 for name in images_under(path))


def load(path: Path) -> Dataset:
    """Read it. Raises `BadInput` when the faces have no labels."""
    faces = load_faces(path)
    if not faces.labelled:
        raise BadInput(f"{path} has faces without a label; put each into a folder of its class")
    return Dataset(path.stem, faces)
