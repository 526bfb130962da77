"""Looking at what is in a folder or zip without reading it."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.labelled import LabelledFaces, stack
from edge_fer.images import is_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SYNONYMS = {
    "anger": "angry", "disgusted": "disgust", "afraid": "fear", "fearful": "fear", "happiness": "happy",
    "sadness": "sad", "surprised": "surprise", "suprise": "surprise",
}  # fmt: skip


def emotion(folder: str) -> str:
    """Return a class folder's name as FER2013 spells it, where it has that class: ``Anger`` → ``angry``."""
    name = folder.lower()
    return SYNONYMS.get(name, name)


def images_under(path: Path) -> list[PurePosixPath]:
    """Return the paths, within it, of the images in the folder or zip *path*; empty for anything else."""
    if path.is_dir():
        names = [PurePosixPath(file.relative_to(path).as_posix()) for file in path.rglob("*")]
    elif path.is_file() and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [PurePosixPath(name) for name in archive.namelist()]
    else:
        return []
    return sorted(name for name in names if is_image(name))


def labelled(
    path: Path, images: Sequence[NDArray[np.uint8]], classes: Sequence[str], paths: Sequence[str]
) -> LabelledFaces:
    """Return *images* with the names of their *classes* as labels: FER2013's order first, then the alphabet's.

    Raises `BadInput` when there is none.
    """
    if not images:
        raise BadInput(f"{path} holds no image in this data set's layout")
    found = set(classes)
    names = FER2013 if found <= set(FER2013) else (*(n for n in FER2013 if n in found), *sorted(found - set(FER2013)))
    labels = np.array([names.index(name) for name in classes], np.int64)
    return LabelledFaces(stack(list(images)), labels, tuple(paths), names)
