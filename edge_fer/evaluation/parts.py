"""The parts of a data set that comes split: folders named train, validation and test, in any spelling.

A name that is not understood would put faces that test a model among those that it learns from.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, Literal

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

Part = Literal["train", "validation", "test", ""]

PARTS: Final[dict[str, Part]] = {
    "training": "train", "train": "train", "trainval": "train",
    "publictest": "validation", "validation": "validation", "valid": "validation", "val": "validation",
    "development": "validation", "dev": "validation",
    "privatetest": "test", "testing": "test", "test": "test", "evaluation": "test", "eval": "test", "holdout": "test",
    "unseen": "test",
    "apprentissage": "train", "entrainement": "train", "entrenamiento": "train",
    "validacion": "validation", "validierung": "validation",
    "prueba": "test", "pruebas": "test",
}  # fmt: skip
"""The words that name parts, in lower case and without accents: in English, German, French and Spanish. FER2013's
PublicTest is its validation part, PrivateTest its test part."""
BESIDE: Final = re.compile(r"(data)?(sets?|data|images?|imgs?|pictures?|faces?|samples?|split|part|folder)$")
"""What stands behind the word for a part without a space: ``trainset``, ``TestImages``."""
FILE: Final = re.compile(r"(training|publictest|privatetest|train|test)_\d+(_aligned)?", re.IGNORECASE)
"""File names of FER2013 and RAF-DB, which tell the part whatever folder the files were moved to."""


def part(name: str) -> Part:
    """Return the part that *name* names, of a folder or a row; empty where it names none, or several.

    ``Train``, ``1_train``, ``train_images`` and ``trainset`` are the training part.
    """
    decomposed = unicodedata.normalize("NFKD", name)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    words = re.findall(r"[^\W\d_]+", bare.casefold())
    together = PARTS.get("".join(words))
    if together:
        return together
    named = {PARTS.get(word) or PARTS.get(BESIDE.sub("", word), "") for word in words} - {""}
    if named == {"train", "validation"}:
        return "train"  # both, as in train_val
    return named.pop() if len(named) == 1 else ""


def part_of(image: PurePosixPath) -> Part:
    """Return the part that *image* lies in, by the nearest folder above its class folder that names one."""
    for folder in reversed(image.parts[:-2]):
        named = part(folder)
        if named:
            return named
    return ""


def official_of(images: Sequence[PurePosixPath], where: str) -> tuple[Part, ...]:
    """Return the official split of *images* by their folders, or by their file names where all have such names.

    Empty where they have none. Raises `BadInput` as `official`.
    """
    parts = [part_of(image) for image in images]
    if not any(parts):
        names = [FILE.fullmatch(image.stem) for image in images]
        parts = [part(name[1]) for name in names if name is not None]
        if len(parts) < len(images):
            return ()
    return official(parts, where)


def official(parts: Sequence[Part], where: str) -> tuple[Part, ...]:
    """Return *parts*, one for each face, as an official split; empty unless there are training and other faces.

    Where there is no validation part, the test part is it: a model's best epoch is chosen by faces that it has not
    learned from. Raises `BadInput`, which begins with *where*, for faces that are in no part beside a training part.
    """
    present = set(parts)
    if present == {"train", ""}:
        raise BadInput(
            f"{where} has a training part, and {parts.count('')} faces in no part that is known; call theirs "
            "validation or test, or pass the training part alone"
        )
    if "train" not in present or len(present - {""}) < 2:
        return ()
    if "validation" in present:
        return tuple(parts)
    return tuple("validation" if name == "test" else name for name in parts)
