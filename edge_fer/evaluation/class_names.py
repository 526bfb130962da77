"""Names of classes as data sets, programs and users give them: checked, and matched by what they mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.emotions import UNKNOWN, find, meaning, spelled
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import PurePosixPath

    from numpy.typing import NDArray

LONGEST: Final = 64
"""Characters of a class's name, at most: it is printed beside every face."""
MOST: Final = 1000
"""Number of classes, at most, as in a bundle."""

RAF_DB: Final = {
    "1": "surprise", "2": "fear", "3": "disgust", "4": "happy", "5": "sad", "6": "angry", "7": "neutral",
}  # fmt: skip
"""The class folders of RAF-DB (Li et al., CVPR 2017), by its own list of labels."""
RAF_DB_FILE: Final = re.compile(r"(train|test)_\d{4,5}(_aligned)?", re.IGNORECASE)


def checked(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Return *names* without spaces around them. Raises `BadInput`, which begins with *where*, for names of no use.

    These are empty and absurdly long ones, those that no terminal can print, `UNKNOWN`, and two names of one class.
    """
    trimmed = tuple(name.strip() for name in names)
    if not trimmed or len(trimmed) > MOST:
        raise BadInput(f"{where} has {len(trimmed)} names; pass 1 to {MOST}")
    for position, name in enumerate(trimmed, start=1):
        if not name:
            raise BadInput(f"{where}: name {position} of {len(trimmed)} is empty; give every class a name")
        if len(name) > LONGEST or not name.isprintable():
            raise BadInput(
                f"{where}: name {position} is {name[:LONGEST]!a}; pass at most {LONGEST} printable characters"
            )
        if meaning(name) == UNKNOWN:
            raise BadInput(f"{where}: {name} is the state of an uncertain face, not a class; give it another name")
    refuse_synonyms(trimmed, where)
    return trimmed


def refuse_synonyms(names: Iterable[str], where: str) -> None:
    """Raise `BadInput`, which begins with *where*, when two of *names* mean the same class."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.get(meaning(name))
        if other is not None:
            twice = f"{name} twice" if other == name else f"{other} and {name}, which mean the same class"
            raise BadInput(f"{where} has {twice}; name each class once")
        seen[meaning(name)] = name


def of_folders(images: Sequence[PurePosixPath], where: str) -> list[str]:
    """Return the class of each image, from the folder that it lies in, in FER2013's spelling where it is known.

    The numbers of RAF-DB are understood where the files have RAF-DB's names as well (``train_00001_aligned.jpg``);
    other numbers stay names. Raises `BadInput`, which begins with *where*, for two folders that differ in capitals,
    spaces or accents only and that no known word joins.
    """
    folders = [image.parent.name for image in images]
    if set(folders) <= set(RAF_DB) and all(RAF_DB_FILE.fullmatch(image.stem) for image in images):
        return [RAF_DB[folder] for folder in folders]
    names = {folder: spelled(folder) for folder in dict.fromkeys(folders)}
    refuse_synonyms(dict.fromkeys(names.values()), f"{where}: the classes")
    return [names[folder] for folder in folders]


def unknown_hint(names: Sequence[str]) -> str:
    """Return what to do about classes *names* that nobody knows, as the end of a sentence."""
    if all(name.isdecimal() for name in names):
        raf_db = ", ".join(f"{number} {name}" for number, name in RAF_DB.items())
        return f"a number names no class, so rename each folder to its class (in RAF-DB {raf_db})"
    return "rename them, or leave their faces out"


def positions(own: Sequence[str], names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the position in *names* of each of the classes *own*; -1 for one that they do not have."""
    found = [find(name, names) for name in own]
    return np.array([-1 if position is None else position for position in found], np.int64)


def relabelled(
    labels: NDArray[np.int64], own: tuple[str, ...], names: tuple[str, ...], where: str
) -> NDArray[np.int64]:
    """Return *labels*, positions in *own*, as positions in *names*; negative labels stay.

    Only classes that a face has must be among *names*. Raises `BadInput`, which begins with *where*, for others.
    """
    table = positions(own, names)
    used = np.unique(labels[labels >= 0])
    missing = [own[label] for label in used if table[label] < 0]
    if missing:
        raise BadInput(
            f"{where} has faces of {', '.join(missing)}; known classes are {', '.join(names)}: {unknown_hint(missing)}"
        )
    return np.where(labels < 0, labels, table[np.maximum(labels, 0)])
