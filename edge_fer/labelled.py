"""Labelled sets of cropped faces, read into memory: what accuracy is measured on, here and on a device."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.preprocess import Preprocess

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


@dataclass(frozen=True)
class LabelledFaces:
    """Cropped faces: ``images`` ``(n, height, width)`` uint8 grey, ``labels`` ``(n,)`` int64 indices into `names`."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    paths: tuple[str, ...]
    names: tuple[str, ...] = FER2013

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.intp]) -> LabelledFaces:
        """Return the faces at *indices*, in that order."""
        paths = tuple(self.paths[i] for i in indices)
        return LabelledFaces(self.images[indices], self.labels[indices], paths, self.names)

    def sample(self, count: int, seed: int) -> LabelledFaces:
        """Return *count* of the faces, or all when there are fewer, drawn at random; the same for the same seed."""
        return self.take(np.random.default_rng(seed).permutation(len(self))[:count])

    def crops(self, preprocess: Preprocess) -> NDArray[np.uint8]:
        """Return the faces as ``(n, N, N)`` uint8 through the contract: what a model sees."""
        return np.stack([preprocess.crop(image) for image in self.images])


def load_zip(path: Path, names: tuple[str, ...] = FER2013) -> LabelledFaces:
    """Read a zip of ``<split>/<class>/<image>.png``, the layout of Kaggle's FER2013, in the order of its paths.

    Raises `BadInput` for no zip, a class that is not in *names*, an unreadable image, or images of several sizes.
    """
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(m for m in archive.namelist() if PurePosixPath(m).suffix.lower() in SUFFIXES)
            for member in members:
                labels.append(_label(path, member, names))
                images.append(_decode(path, member, archive.read(member)))
    except (OSError, zipfile.BadZipFile) as exc:
        raise BadInput(f"{path} cannot be read as a zip: {exc}; download it again") from exc
    if not images:
        raise BadInput(f"{path} holds no images; it should hold <split>/<class>/<image>.png")
    if len({image.shape for image in images}) != 1:
        raise BadInput(f"{path} holds images of several sizes; resize them to one size first")
    return LabelledFaces(np.stack(images), np.array(labels, np.int64), tuple(members), names)


def _label(path: Path, member: str, names: tuple[str, ...]) -> int:
    label = PurePosixPath(member).parent.name
    if label not in names:
        raise BadInput(f"{path}: {member} lies in class {label!r}; known classes are {', '.join(names)}")
    return names.index(label)


def _decode(path: Path, member: str, content: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    if image is None:
        raise BadInput(f"{path}: {member} is not a readable image; remove it or download the archive again")
    return np.asarray(image, np.uint8)


def near_copies(faces: LabelledFaces, of: LabelledFaces, threshold: float = 0.98) -> NDArray[np.bool_]:
    """Tell which *faces* have a near-copy in *of*: cosine above *threshold* after each image's mean is removed.

    Returns ``(len(faces),)`` bool. FER2013 holds near-copies across its splits; accuracy on the others is the honest
    figure. Images of no variance are nobody's copy.
    """

    def unit(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        flat = images.reshape(len(images), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.asarray(flat / np.where(norm > 0, norm, 1), np.float32)

    pool = unit(of.images).T
    parts = [unit(faces.images[start : start + 256]) for start in range(0, len(faces), 256)]
    return np.concatenate([(part @ pool).max(axis=1) > threshold for part in parts])
