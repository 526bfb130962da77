"""CK+ (Lucey et al., CVPR Workshops 2010) as 48x48 faces in class folders: 981 images, the last three of a sequence.

Files are named ``S010_004_00000017.png``: person, sequence, frame.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edge_fer.evaluation.class_names import of_folders
from edge_fer.evaluation.parts import official_of
from edge_fer.evaluation.pictures import read_pictures
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.listing import images_under, label_faces

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

NAME: Final = "CK+"
FILE: Final = re.compile(r"S\d{3}_\d{3}_\d{8}")


def recognises(path: Path) -> bool:
    """Return whether all images are named as those of CK+, and lie in folders."""
    images = images_under(path)
    return bool(images) and all(_is_named(name) and len(name.parts) > 1 for name in images)


def load(path: Path) -> Dataset:
    """Read the faces and their persons. ``contempt`` is a class of its own.

    There is no official split, but somebody may have sorted the files into ``train/`` and ``test/``.
    """
    images = []
    members = []
    persons = []
    for name, pixels in read_pictures(path, _is_named):
        images.append(pixels)
        members.append(name)
        persons.append(name.stem[1:4])
    classes = of_folders(members, str(path))
    faces = label_faces(path, images, classes, [str(name) for name in members])
    return Dataset(NAME, faces, official_of(members, str(path)), tuple(persons))


def _is_named(name: PurePosixPath) -> bool:
    return FILE.fullmatch(name.stem) is not None
