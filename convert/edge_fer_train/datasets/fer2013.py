"""FER2013 (Goodfellow et al., 2013), in any of the forms that Kaggle publishes.

- the original ``fer2013.csv`` (emotion, pixels, Usage): Training, PublicTest, PrivateTest;
- a folder or zip with ``train/<class>/`` and ``test/<class>/`` (or ``validation/``);
- a folder with one zip per part, named after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.evaluation.face_set import LabelledFaces, stack
from edge_fer.evaluation.labelled import load_faces
from edge_fer.evaluation.parts import PARTS, official
from edge_fer.evaluation.parts import part as part_named
from edge_fer.evaluation.tables import has_columns
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.listing import images_under

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from numpy.typing import NDArray

    from edge_fer.evaluation.parts import Part

NAME: Final = "FER2013"


def recognises(path: Path) -> bool:
    """Return whether *path* is the csv, has one zip per part, or holds folders of FER2013's parts and classes."""
    if path.suffix.lower() == ".csv":
        return has_columns(path, ("emotion", "pixels", "Usage"))
    if _zips(path):
        return True
    images = images_under(path)
    return bool(images) and all(_is_in_layout(name) for name in images)


def _is_in_layout(name: PurePosixPath) -> bool:
    """Return whether *name* is ``<part>/<class>/<image>``."""
    if len(name.parts) != 3:
        return False
    part, folder, _ = name.parts
    return bool(part_named(part)) and folder in FER2013


def load(path: Path) -> Dataset:
    """Read the faces and their official split: PublicTest is the validation part, PrivateTest the test part.

    Kaggle's folder ``test/`` holds both. It is the test part where there is a validation part, else the validation
    part. Raises `BadInput` for what cannot be read.
    """
    zips = _zips(path)
    faces, parts = _from_zips(zips) if zips else _from_one(path)
    return Dataset(NAME, faces, official(parts, str(path)))


def _from_zips(zips: dict[Part, Path]) -> tuple[LabelledFaces, list[Part]]:
    faces = []
    parts: list[Part] = []
    for part, file in zips.items():
        of_part = load_faces(file, FER2013)
        faces.append(of_part)
        parts += [part] * len(of_part)
    return _joined(faces), parts


def _from_one(path: Path) -> tuple[LabelledFaces, list[Part]]:
    """Read a csv, folder or zip with all parts; the path of each face begins with its part."""
    faces = load_faces(path, FER2013)
    parts: list[Part] = []
    for name in faces.paths:
        part, _, _ = name.partition("/")
        parts.append(part_named(part))
    return faces, parts


def _zips(path: Path) -> dict[Part, Path]:
    """Return the zips of a folder by the part that they hold; none unless there are training and another part."""
    if not path.is_dir():
        return {}
    zips: dict[Part, Path] = {}
    # Not resource forks of macOS, which have the names of zips as well.
    for file in sorted(file for file in path.glob("*.zip") if not file.name.startswith(".")):
        stem = file.stem.lower().replace("-", "").replace("_", "")
        for name, named in PARTS.items():
            if stem.endswith(name):
                zips.setdefault(named, file)
                break  # "publictest" also ends in "test"
    return zips if "train" in zips and len(zips) > 1 else {}


def _joined(several: list[LabelledFaces]) -> LabelledFaces:
    images: list[NDArray[np.uint8]] = []
    paths: list[str] = []
    for faces in several:
        images += list(faces.images)
        paths += faces.paths
    labels = np.concatenate([faces.labels for faces in several])
    return LabelledFaces(stack(images), labels, tuple(paths), FER2013)
