"""Reads labelled faces from folders, zips, csv and npz files, to calibrate and to evaluate models with."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.archives import UNPACK_ERRORS
from edge_fer.emotions import FER2013, find, ordered
from edge_fer.errors import BadInput
from edge_fer.evaluation import class_names, fer2013_csv, npz
from edge_fer.evaluation.copies import without_copies
from edge_fer.evaluation.face_set import UNLABELLED, LabelledFaces, stack
from edge_fer.images import decode_image, is_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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

    Raises `BadInput` for a path that does not exist or cannot be read, a class that is not in *names*, a part that is
    not there, and an empty set.
    """
    file_name, _, part = str(path).partition("#")
    source = Path(file_name)
    if source.is_dir():
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


def image_files(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the image files of a folder or ``.zip``, in the order of `image_names`: path within it, content.

    Raises `BadInput` for a zip or a file that cannot be read.
    """
    return _folder_members(path) if path.is_dir() else _zip_members(path)


def image_names(path: Path) -> list[str]:
    """Return the names of the image files of a folder or ``.zip``, ``train/happy/1.png``, sorted; nothing is decoded.

    Raises `BadInput` for a zip that cannot be read.
    """
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if is_image(file) and file.is_file()]
        return [file.relative_to(path).as_posix() for file in files]
    try:
        with zipfile.ZipFile(path) as archive:
            return _images_in(archive)
    except UNPACK_ERRORS as exc:
        raise _damaged(path, exc) from exc


def decode(path: Path, member: PurePosixPath, content: bytes) -> NDArray[np.uint8]:
    """Return the image file *member* of *path* as grey ``(height, width)`` uint8.

    Raises `BadInput` when *content* is not a readable image.
    """
    try:
        return decode_image(content, gray=True)
    except ValueError as exc:
        raise BadInput(f"{path}: {member} {exc}") from exc


def _folder_members(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    for name in image_names(folder):
        file = folder / name
        try:
            content = file.read_bytes()
        except OSError as exc:
            raise BadInput(f"{file} cannot be read: {exc.strerror or exc}; check its permissions") from exc
        yield PurePosixPath(name), content


def _zip_members(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in _images_in(archive):
                yield PurePosixPath(name), archive.read(name)
    except UNPACK_ERRORS as exc:
        raise _damaged(path, exc) from exc


def _images_in(archive: zipfile.ZipFile) -> list[str]:
    # Sorted as text, not by folders: the order of the faces decides which of them a seed chooses.
    return [name for name in sorted(archive.namelist()) if is_image(PurePosixPath(name))]


def _damaged(path: Path, exc: BaseException) -> BadInput:
    return BadInput(f"{path} cannot be read as a zip: {exc}; download it again")


def _from_images(path: Path, part: str, names: tuple[str, ...] | None) -> LabelledFaces:
    images: list[NDArray[np.uint8]] = []
    members: list[PurePosixPath] = []
    folders: set[str] = set()
    for member, content in without_copies(path, image_files(path)):
        folders.update(member.parts[:-1])
        if part and part not in member.parts[:-2] and part != member.parts[0]:
            continue
        images.append(decode(path, member, content))
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
