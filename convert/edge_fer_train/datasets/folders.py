"""Faces of the user's own: ``<class>/<image>`` in a folder or zip, or an ``.npz``; no split, no persons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import load_faces
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.listing import images_under

if TYPE_CHECKING:
    from pathlib import Path


def recognises(path: Path) -> bool:
    """Return whether *path* is an ``.npz``, or holds images in folders."""
    return path.suffix.lower() == ".npz" or any(len(name.parts) > 1 for name in images_under(path))


def load(path: Path) -> Dataset:
    """Read the faces. Raises `BadInput` when some have no label."""
    faces = load_faces(path)
    if not faces.labelled:
        raise BadInput(f"{path} has faces without a label; put each into the folder of its class")
    return Dataset(path.stem, faces)
