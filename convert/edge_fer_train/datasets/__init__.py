"""Data sets in the form in which they are published: their faces, their official split, and whose faces they are.

Each format is a module with ``recognises(path)`` and ``load(path)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from edge_fer.emotions import find
from edge_fer.errors import BadInput
from edge_fer.evaluation.class_names import checked, positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.evaluation.parts import Part


@dataclass(frozen=True)
class Dataset:
    """Labelled faces, and what else is known of each."""

    name: str
    faces: LabelledFaces
    parts: tuple[Part, ...] = ()
    """For each face, its part of the official split; empty when the data set has none."""
    persons: tuple[str, ...] = ()
    """For each face, whose it is; empty when unknown. No person should be on both sides of a split."""

    def take(self, indices: NDArray[np.intp]) -> Dataset:
        """Return the data set with the faces at *indices* only."""
        parts = tuple(self.parts[index] for index in indices) if self.parts else ()
        persons = tuple(self.persons[index] for index in indices) if self.persons else ()
        return Dataset(self.name, self.faces.take(indices), parts, persons)

    def only(self, names: tuple[str, ...]) -> Dataset:
        """Return the faces whose class is one of *names*, labelled in that order.

        Raises `BadInput` for a name that is no class of a face, and for one class named twice.
        """
        names = checked(names, "--classes")
        table = positions(self.faces.names, names)
        present = {self.faces.names[label] for label in np.unique(self.faces.labels)}
        missing = [name for name in names if find(name, tuple(present)) is None]
        if missing:
            raise BadInput(
                f"{self.name} has no faces of {', '.join(missing)}; its classes are {', '.join(self.faces.names)}"
            )
        chosen = self.take(np.flatnonzero(table[self.faces.labels] >= 0))
        faces = replace(chosen.faces, labels=table[chosen.faces.labels], names=names)
        return replace(chosen, faces=faces)


class Format(Protocol):
    """What each module of `FORMATS` offers."""

    def recognises(self, path: Path) -> bool:
        """Return whether the file or folder *path* looks like this data set."""
        ...

    def load(self, path: Path) -> Dataset:
        """Read the data set at *path*. Raises `BadInput` for another one, and for what cannot be read."""
        ...


# import-linter does not see these imports: each module is imported by its name.
FORMATS: Final = {
    "fer2013": "edge_fer_train.datasets.fer2013",
    "ck+": "edge_fer_train.datasets.ck_plus",
    "kdef": "edge_fer_train.datasets.kdef",
    "sfew": "edge_fer_train.datasets.sfew",
    "folders": "edge_fer_train.datasets.folders",
}
"""The module of each format. ``auto`` takes the first that recognises the data."""


def load(path: str | Path, form: str = "auto") -> Dataset:
    """Read the data set at *path* in the format *form*, a key of `FORMATS`; with ``auto``, in the one it looks like.

    Raises `BadInput` when there is nothing at *path*, or nothing that the format can be read from.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path} does not exist; pass the folder, .zip or .csv of a data set")
    if form == "auto":
        return _recognised(path).load(path)
    if form not in FORMATS:
        raise BadInput(f"no data set format {form!r}; pass auto or one of: {', '.join(FORMATS)}")
    return _format(form).load(path)


def _recognised(path: Path) -> Format:
    # From the most specific layout to class folders, which fit nearly anything.
    for name in FORMATS:
        candidate = _format(name)
        if candidate.recognises(path):
            return candidate
    raise BadInput(f"{path} is no known data set ({', '.join(FORMATS)}); pass --format, or class folders")


def _format(name: str) -> Format:
    module: Format = import_module(FORMATS[name])
    return module
