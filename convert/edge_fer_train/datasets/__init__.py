"""Data sets as they are handed out, one file each: their faces, their official split, whose faces they are.

Every module has ``recognises(path)`` and ``load(path)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.labelled import LabelledFaces

Part = Literal["train", "validation", "test", ""]


@dataclass(frozen=True)
class Dataset:
    """Labelled faces with what is known of them."""

    name: str
    faces: LabelledFaces
    parts: tuple[Part, ...] = ()
    """Of each face, its part of the official split; empty when the data set has none."""
    persons: tuple[str, ...] = ()
    """Of each face, whose it is; empty when unknown. No person should stand on both sides of a split."""

    def take(self, indices: NDArray[np.intp]) -> Dataset:
        """Return the data set with the faces at *indices* only."""
        parts, persons = ((tuple(of[i] for i in indices) if of else ()) for of in (self.parts, self.persons))
        return Dataset(self.name, self.faces.take(indices), parts, persons)

    def only(self, names: tuple[str, ...]) -> Dataset:
        """Return the faces whose class is one of *names*, labelled in that order."""
        known = [at for at, label in enumerate(self.faces.labels) if self.faces.names[label] in names]
        if not known:
            raise BadInput(f"{self.name} has none of {', '.join(names)}; its classes are {', '.join(self.faces.names)}")
        chosen = self.take(np.array(known))
        labels = np.array([names.index(self.faces.names[label]) for label in chosen.faces.labels], np.int64)
        faces = type(self.faces)(chosen.faces.images, labels, chosen.faces.paths, names)
        return Dataset(self.name, faces, chosen.parts, chosen.persons)


class Format(Protocol):
    """What each module of the table offers."""

    def recognises(self, path: Path) -> bool:
        """Tell whether what lies at *path* looks like this data set."""
        ...

    def load(self, path: Path) -> Dataset:
        """Read it. Raises `BadInput` for what it is not, or is not readable."""
        ...


FORMATS: Final = {
    "fer2013": "edge_fer_train.datasets.fer2013",
    "ck+": "edge_fer_train.datasets.ck_plus",
    "kdef": "edge_fer_train.datasets.kdef",
    "sfew": "edge_fer_train.datasets.sfew",
    "folders": "edge_fer_train.datasets.folders",
}
"""By name; ``auto`` takes the first that recognises what is there."""


def load(path: str | Path, form: str = "auto") -> Dataset:
    """Read the data set at *path* in the form *form*, or in the one that is recognised. Raises `BadInput`."""
    found = Path(path)
    if not found.exists():
        raise BadInput(f"{found} is not there; pass the folder, .zip or .csv of a data set")
    if form != "auto" and form not in FORMATS:
        raise BadInput(f"no data set form {form!r}; pass auto or one of: {', '.join(FORMATS)}")
    for name, module in FORMATS.items():
        reader: Format = import_module(module)
        if form == name or (form == "auto" and reader.recognises(found)):
            return reader.load(found)
    raise BadInput(f"{found} is no data set that is known ({', '.join(FORMATS)}); pass --format, or class folders")
