"""SFEW 2.0 (Dhall et al., ICMI 2015): frames of films in ``Train/`` and ``Val/``, with class folders somewhere below.

Where a part has aligned faces (a folder ``…Aligned_Faces…``), those are read; else the face is cut out of the frame.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edge_fer.emotions import FER2013, spelled
from edge_fer.evaluation.pictures import PICTURE_SIDE_PX, read_pictures
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.cut_face import cut_face
from edge_fer_train.datasets.listing import images_under, label_faces

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

    from edge_fer.evaluation.parts import Part

NAME: Final = "SFEW"
FILE: Final = re.compile(r".+_\d{9}_\d{8}")
"""Film, time and frame: ``AlexEmma_000546114_00000008.png``."""
PARTS: Final[dict[str, Part]] = {"Train": "train", "Val": "validation", "Test": "test"}


def recognises(path: Path) -> bool:
    """Return whether there is a Train and a Val folder with the seven classes below, and SFEW's names of files.

    A split of one's own may have the same folders; its images are faces already, from which none is to be cut.
    """
    images = images_under(path)
    parts = {name.parts[0] for name in images if _is_labelled(name)}
    is_named = any(_is_aligned(name) or FILE.fullmatch(name.stem) for name in images)
    return is_named and {"Train", "Val"} <= parts <= set(PARTS)


def load(path: Path) -> Dataset:
    """Read the faces and their official split. Images outside class folders have no label and are left out."""
    aligned = {name.parts[0] for name in images_under(path) if _is_aligned(name)}
    images = []
    classes = []
    paths = []
    parts = []

    def is_wanted(name: PurePosixPath) -> bool:
        if name.parts[0] not in PARTS or not _is_labelled(name):
            return False
        # Not the frame that an aligned face was cut from.
        return name.parts[0] not in aligned or _is_aligned(name)

    for name, image in read_pictures(path, is_wanted, PICTURE_SIDE_PX):
        images.append(image if _is_aligned(name) else cut_face(image))
        classes.append(spelled(name.parent.name))
        paths.append(str(name))
        parts.append(PARTS[name.parts[0]])
    return Dataset(NAME, label_faces(path, images, classes, paths), tuple(parts))


def _is_labelled(name: PurePosixPath) -> bool:
    return len(name.parts) > 2 and spelled(name.parent.name) in FER2013


def _is_aligned(name: PurePosixPath) -> bool:
    return any("aligned" in part.lower() for part in name.parts[:-1])
