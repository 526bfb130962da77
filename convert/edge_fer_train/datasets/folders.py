"""Faces of the user's own: ``<class>/<image>`` in a folder or zip, or an ``.npz``; no persons.

Folders named train, validation or test above those of the classes are an official split.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from edge_fer.errors import BadInput
from edge_fer.evaluation.class_names import checked
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.parts import official_of, part
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.listing import images_under

if TYPE_CHECKING:
    from pathlib import Path


def recognises(path: Path) -> bool:
    """Return whether *path* is an ``.npz``, or holds images in folders."""
    return path.suffix.lower() == ".npz" or any(len(name.parts) > 1 for name in images_under(path))


def load(path: Path) -> Dataset:
    """Read the faces and their split, where they have one.

    Raises `BadInput` when some have no label, and for classes that no model can have: their names become its labels.
    """
    faces = load_faces(path)
    if not faces.labelled:
        raise BadInput(f"{path} has faces without a label; put each into the folder of its class")
    if all(part(name) for name in faces.names):
        raise BadInput(
            f"{path} has images right in {' and '.join(faces.names)}; put each into the folder of its class there, "
            f"{faces.names[0]}/happy/ for example"
        )
    checked(faces.names, f"{path}: the classes")
    parts = official_of([PurePosixPath(name) for name in faces.paths], str(path))
    return Dataset(path.stem, faces, parts)
