"""The parts of a data set that comes split: folders named train, validation and test, in any spelling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

Part = Literal["train", "validation", "test", ""]

PARTS: Final[dict[str, Part]] = {
    "training": "train", "train": "train",
    "publictest": "validation", "validation": "validation", "valid": "validation", "val": "validation",
    "privatetest": "test", "testing": "test", "test": "test",
}  # fmt: skip
"""The names of parts, in lower case and without ``-``, ``_`` and spaces. FER2013's PublicTest is its validation part,
PrivateTest its test part."""


def part(name: str) -> Part:
    """Return the part that *name* names, of a folder or a row: ``Train`` → ``train``; empty where it names none."""
    return PARTS.get(re.sub(r"[\s_-]", "", name.casefold()), "")


def part_of(image: PurePosixPath) -> Part:
    """Return the part that *image* lies in, by the nearest folder above its class folder that names one."""
    for folder in reversed(image.parts[:-2]):
        named = part(folder)
        if named:
            return named
    return ""


def official(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return *parts*, one for each face, as an official split; empty unless there are training and other faces.

    Where there is no validation part, the test part is it: a model's best epoch is chosen by faces that it has not
    learned from.
    """
    present = set(parts) - {""}
    if "train" not in present or len(present) < 2:
        return ()
    if "validation" in present:
        return tuple(parts)
    return tuple("validation" if name == "test" else name for name in parts)
