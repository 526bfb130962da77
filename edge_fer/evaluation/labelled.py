"""Reads labelled faces from folders, zips, csv and npz files, to calibrate and to evaluate models with."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.emotions import FER2013, find, ordered
from edge_fer.errors import BadInput, one_line
from edge_fer.evaluation import class_names, fer2013_csv, npz
from edge_fer.evaluation.face_set import UNLABELLED, LabelledFaces, stack
from edge_fer.evaluation.pictures import read_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from numpy.typing import NDArray

FORMS: Final = (
    "a folder or .zip of <class>/<image>, a .csv like FER2013's (emotion,pixels,Usage), or an .npz (images, labels)"
)

SHOWN: Final = 12
"""How many folders an error message lists."""


def load_faces(path: str | Path, names: tuple[str, ...] | None = None) -> LabelledFaces:
    """Read faces from a folder, a ``.zip``, a ``.csv`` in FER2013's form, or an ``.npz``.

    ``path#part`` reads one part only: of a csv the rows whose *Usage* it is, of a folder or zip what lies below the
    folder of that name.

    The faces name their classes themselves: in folders and zips by the folder that an image lies in, in a csv by
    FER2013's numbers or by words, in an npz by its ``names``. The order of the classes is *names*, into which the
    faces' own are mapped by what they mean (`edge_fer.emotions.meaning`); without it, FER2013's where all classes are
    FER2013's, else the alphabet's. Images have no label when they lie in no folder, or all in one folder that is no
    known class.

    Pictures are scaled down on reading so that no side is longer than `FACE_SIDE_PX`. One that cannot be read is
    skipped with a warning.

    Raises `BadInput` for a path that does not exist or cannot be read, a set of which more than half cannot be read, a
    class that is not in *names*, a part that is not there, and an empty set.
    """
    file_name, _, part = str(path).partition("#")
    source = Path(file_name)
    try:
        is_folder = source.is_dir()
    except OSError as exc:  # too long a name, or a folder above that may not be searched
        raise BadInput(f"{one_line(source)} cannot be read: {exc.strerror or exc}; pass {FORMS}") from exc
    if is_folder:
        faces = _from_images(source, part, names)
    elif not source.is_file():
        raise BadInput(f"{source} is not there; pass {FORMS}")
    elif source.suffix.lower() == ".csv":
        faces = fer2013_csv.read(source, part, names)
    elif source.suffix.lower() == ".npz":  # before the zips: an .npz is one, too
        faces = npz.read(source, part, names)
    elif zipfile.is_zipfile(source):
        faces = _from_images(source, part, names)
    else:
        raise BadInput(f"{source} is of no form that faces are read from; pass {FORMS}")
    if not len(faces):
        raise BadInput(f"{path} holds no faces; it should be {FORMS}")
    return faces


def _from_images(path: Path, part: str, names: tuple[str, ...] | None) -> LabelledFaces:
    images: list[NDArray[np.uint8]] = []
    members: list[PurePosixPath] = []
    folders: set[str] = set()

    def is_wanted(member: PurePosixPath) -> bool:
        folders.update(member.parts[:-1])
        return not part or part in member.parts[:-2] or part == member.parts[0]

    for member, pixels in read_pictures(path, is_wanted):
        images.append(pixels)
        members.append(member)
    if part and not images:
        some = ", ".join(sorted(folders)[:SHOWN]) or "none"
        raise BadInput(f"{path} has no folder {part!r} with images; its folders are: {some}")
    paths = tuple(str(member) for member in members)
    classes = class_names.of_folders(members, str(path))
    if _are_classes(set(classes), names):
        names = names or ordered(set(classes))
        labels = _labels(path, paths, classes, names)
    else:
        names = names or FER2013
        labels = np.full(len(images), UNLABELLED, np.int64)
    return LabelledFaces(stack(images), labels, paths, names)


def _are_classes(folders: set[str], names: tuple[str, ...] | None) -> bool:
    """Return whether *folders*, the names of those that images lie in, are the images' classes."""
    if folders <= {""}:
        return False
    # A single folder may well be "faces" or "photos"; it is a class only if the caller or FER2013 knows it.
    return names is not None or len(folders) > 1 or folders <= set(FER2013)


def _labels(path: Path, members: Sequence[str], classes: list[str], names: tuple[str, ...]) -> NDArray[np.int64]:
    labels = np.empty(len(classes), np.int64)
    positions = {name: find(name, names) for name in set(classes)}
    unknown = sorted(name for name, position in positions.items() if position is None)
    for index, name in enumerate(classes):
        position = positions[name]
        if position is None:
            raise BadInput(
                f"{path}: {members[index]} lies in class {name!r}; known classes are {', '.join(names)}: "
                f"{class_names.unknown_hint(unknown)}"
            )
        labels[index] = position
    return labels
