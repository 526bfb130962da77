"""FER2013 (Goodfellow et al., 2013), in any of the forms that Kaggle hands out.

- the original ``fer2013.csv`` (emotion, pixels, Usage): Training, PublicTest, PrivateTest;
- a folder or zip with ``train/<class>/`` and ``test/<class>/`` (or ``validation/``);
- a folder with one zip a part, whose names say which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.evaluation.labelled import LabelledFaces, load_faces, stack
from edge_fer.evaluation.tables import columns
from edge_fer_train.datasets import Dataset
from edge_fer_train.datasets.listing import images_under

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_train.datasets import Part

NAME: Final = "FER2013"
PARTS: Final[dict[str, Part]] = {
    "training": "train", "train": "train", "publictest": "validation", "validation": "validation", "val": "validation",
    "privatetest": "test", "test": "test",
}  # fmt: skip


def recognises(path: Path) -> bool:
    """Tell whether *path* is the csv, has a train and a test folder of FER2013's classes, or a zip a part."""
    if path.suffix.lower() == ".csv":
        return {"emotion", "pixels", "Usage"} <= set(columns(path))
    if _zips(path):
        return True
    found = images_under(path)
    return bool(found) and all(
        len(name.parts) == 3 and name.parts[0].lower() in PARTS and name.parts[1] in FER2013 for name in found
    )


def load(path: Path) -> Dataset:
    """Read it. PublicTest is the validation part and PrivateTest the test; so is ``test/``, unless it is all there is.

    Kaggle's ``test/`` holds both. Where nothing else is there to validate on, it is the validation part.
    """
    zips = _zips(path)
    if zips:
        read = [load_faces(file, FER2013) for file in zips.values()]
        faces = _joined(read)
        parts = [part for part, some in zip(zips, read, strict=True) for _ in range(len(some))]
    else:
        faces = load_faces(path, FER2013)
        parts = [_part(name.split("/")[0]) for name in faces.paths]
    if "validation" not in parts:
        parts = ["validation" if part == "test" else part for part in parts]
    return Dataset(NAME, faces, tuple(parts))


def _part(name: str) -> Part:
    return PARTS.get(name.lower(), "")


def _zips(path: Path) -> dict[Part, Path]:
    """Return the zips of a folder by the part that they hold, when both a training and another part are there."""
    found: dict[Part, Path] = {}
    if path.is_dir():
        for file in sorted(path.glob("*.zip")):
            stem = file.stem.lower().replace("-", "").replace("_", "")
            name = next((name for name in PARTS if stem.endswith(name)), "")
            if name:
                found.setdefault(PARTS[name], file)
    return found if "train" in found and len(found) > 1 else {}


def _joined(several: list[LabelledFaces]) -> LabelledFaces:
    images = [image for faces in several for image in faces.images]
    labels = np.concatenate([faces.labels for faces in several])
    return LabelledFaces(stack(images), labels, tuple(path for faces in several for path in faces.paths), FER2013)
