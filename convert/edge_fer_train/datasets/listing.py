"""What is in a folder or zip of images, and the labels that folders give them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.face_set import LabelledFaces, stack
from edge_fer.evaluation.pictures import image_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePosixPath

    from numpy.typing import NDArray


def images_under(path: Path) -> list[PurePosixPath]:
    """Return the paths of the images within the folder or zip *path*, sorted; empty for anything else.

    Raises `BadInput` for a zip that cannot be read.
    """
    # Only names are read: every format looks at all of them to recognise its own.
    if path.is_dir() or (path.is_file() and zipfile.is_zipfile(path)):
        return sorted(image_names(path))
    return []


def label_faces(
    path: Path, images: Sequence[NDArray[np.uint8]], classes: Sequence[str], paths: Sequence[str]
) -> LabelledFaces:
    """Return *images* labelled by the names of their *classes*, which come in FER2013's order, others after them.

    Raises `BadInput` when there are no images.
    """
    if not images:
        raise BadInput(f"{path} holds no image in this data set's layout")
    names = _ordered(set(classes))
    labels = np.array([names.index(name) for name in classes], np.int64)
    return LabelledFaces(stack(list(images)), labels, tuple(paths), names)


def _ordered(classes: set[str]) -> tuple[str, ...]:
    """Return all of FER2013's names when there are no others; else the names of *classes* only."""
    others = classes - set(FER2013)
    if not others:
        return FER2013  # also when some are missing, so that models stay comparable
    known = [name for name in FER2013 if name in classes]
    return (*known, *sorted(others))
