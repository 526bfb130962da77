"""KDEF (Lundqvist et al., 1998): 70 persons, seven expressions, five angles and two sessions, which files are named by.

``AF01ANS.JPG``: session A or B, F or M, number, expression (AF afraid, AN angry, DI, HA, NE, SA, SU), angle (S
straight, HL and HR half, FL and FR full profile). Only frontal images are read: 980, as in Umer et al., CMES 2022,
Table 7.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edge_fer.evaluation.parts import official_of
from edge_fer.evaluation.pictures import PICTURE_SIDE_PX, read_pictures
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.cut_face import cut_face
from edge_fer_train.datasets.listing import images_under, label_faces

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

NAME: Final = "KDEF"
FILE: Final = re.compile(r"[AB][FM]\d{2}(?:AF|AN|DI|HA|NE|SA|SU)(S|HL|HR|FL|FR)")
EXPRESSIONS: Final = {
    "AF": "fear", "AN": "angry", "DI": "disgust", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise",
}  # fmt: skip
FRONTAL: Final = "S"


def recognises(path: Path) -> bool:
    """Return whether most of the images are named as those of KDEF."""
    images = images_under(path)
    named = [name for name in images if FILE.fullmatch(name.stem.upper())]
    # Not all: a few of the originals are misnamed.
    return bool(images) and len(named) > 0.9 * len(images)


def load(path: Path) -> Dataset:
    """Read the frontal images, the face cut out of each, and their persons.

    There is no official split, but somebody may have sorted the files into ``train/`` and ``test/``.
    """
    images = []
    classes = []
    persons = []
    members = []
    for name, picture in read_pictures(path, _is_frontal, PICTURE_SIDE_PX):
        stem = name.stem.upper()
        images.append(cut_face(picture))
        classes.append(EXPRESSIONS[stem[4:6]])
        persons.append(stem[1:4])
        members.append(name)
    faces = label_faces(path, images, classes, [str(name) for name in members])
    return Dataset(NAME, faces, official_of(members, str(path)), tuple(persons))


def _is_frontal(name: PurePosixPath) -> bool:
    match = FILE.fullmatch(name.stem.upper())
    return match is not None and match[1] == FRONTAL
