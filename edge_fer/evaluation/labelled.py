"""Sets of cropped faces, read into memory: what models are calibrated with and judged on, here and on a device."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer.archives import UNPACK_ERRORS, load_arrays
from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.tables import read_rows
from edge_fer.images import is_image
from edge_fer.preprocess import Preprocess, to_gray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

UNLABELLED: Final = -1
FORMS: Final = (
    "a folder or .zip of <class>/<image>, a .csv like FER2013's (emotion,pixels,Usage), or an .npz (images, labels)"
)


@dataclass(frozen=True)
class LabelledFaces:
    """Cropped faces: ``images`` ``(n, height, width)`` uint8 grey, ``labels`` ``(n,)`` int64 indices into `names`.

    Images of several sizes are an ``(n,)`` array of objects, each ``(height, width)`` uint8. Faces without a label have
    -1.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    paths: tuple[str, ...]
    """Where each comes from, the part or the class first: ``happiness/9.png``, ``Training/line 9``."""
    names: tuple[str, ...] = FER2013

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def labelled(self) -> bool:
        """Whether every face has a label."""
        return bool((self.labels != UNLABELLED).all())

    def take(self, indices: NDArray[np.intp]) -> LabelledFaces:
        """Return the faces at *indices*, in that order."""
        paths = tuple(self.paths[i] for i in indices)
        return LabelledFaces(self.images[indices], self.labels[indices], paths, self.names)

    def sample(self, count: int, seed: int) -> LabelledFaces:
        """Return *count* of the faces, or all when there are fewer, drawn at random; the same for the same seed."""
        return self.take(np.random.default_rng(seed).permutation(len(self))[:count])

    def crops(self, preprocess: Preprocess) -> NDArray[np.uint8]:
        """Return the faces as ``(n, N, N)`` uint8 through the spec: what a model sees."""
        return np.stack([preprocess.crop(image) for image in self.images])

    def digests(self) -> tuple[str, ...]:
        """Return the sha256 of each face's size and pixels: two files of the same picture have the same."""
        return tuple(
            hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
            for image in self.images
        )


def load_faces(path: str | Path, names: tuple[str, ...] | None = None) -> LabelledFaces:
    """Read faces from a folder, a ``.zip``, a ``.csv`` in FER2013's form, or an ``.npz``.

    ``path#part`` takes one part only: of a csv the rows of that *Usage*, of a folder or zip what lies under that first
    folder. Labels are the folders that images lie in; without *names* the order of FER2013 where its names are used,
    else the alphabet's. Images that lie in no folder, or all in one that is no known class, have no label.

    Raises `BadInput` for what is not there or not readable, a class that is not in *names*, and an empty set.
    """
    whole, _, part = str(path).partition("#")
    found = Path(whole)
    if found.is_dir():
        faces = _from_files(found, part, names)
    elif not found.is_file():
        raise BadInput(f"{found} is not there; pass {FORMS}")
    elif found.suffix.lower() == ".csv":
        faces = _from_csv(found, part, names)
    elif found.suffix.lower() == ".npz":
        faces = _from_npz(found, names)
    elif zipfile.is_zipfile(found):
        faces = _from_files(found, part, names)
    else:
        raise BadInput(f"{found} is neither of what faces are read from: {FORMS}")
    if not len(faces):
        raise BadInput(f"{path} holds no faces; it should be {FORMS}")
    return faces


def image_files(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the images under a folder or in a ``.zip``, sorted: path within it, content of the file.

    Raises `BadInput` for a zip that cannot be read.
    """
    return _folder_members(path) if path.is_dir() else _zip_members(path)


def _folder_members(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    for path in sorted(folder.rglob("*")):
        if is_image(path) and path.is_file():
            yield PurePosixPath(path.relative_to(folder).as_posix()), path.read_bytes()


def _zip_members(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.namelist()):
                if is_image(PurePosixPath(member)):
                    yield PurePosixPath(member), archive.read(member)
    except UNPACK_ERRORS as exc:
        raise BadInput(f"{path} cannot be read as a zip: {exc}; download it again") from exc


def _from_files(path: Path, part: str, names: tuple[str, ...] | None) -> LabelledFaces:
    images: list[NDArray[np.uint8]] = []
    classes: list[str] = []
    paths: list[str] = []
    for member, content in image_files(path):
        if part and member.parts[0] != part:
            continue
        images.append(decode(path, member, content))
        classes.append(member.parent.name)
        paths.append(str(member))
    if not any(classes) or (names is None and len(set(classes)) == 1 and not set(classes) <= set(FER2013)):
        return LabelledFaces(stack(images), np.full(len(images), UNLABELLED, np.int64), tuple(paths), names or FER2013)
    names = names or _order(set(classes))
    strange = next((n for n, name in enumerate(classes) if name not in names), None)
    if strange is not None:
        raise BadInput(
            f"{path}: {paths[strange]} lies in class {classes[strange]!r}; known classes are {', '.join(names)}"
        )
    labels = np.array([names.index(name) for name in classes], np.int64)
    return LabelledFaces(stack(images), labels, tuple(paths), names)


def _order(classes: set[str]) -> tuple[str, ...]:
    return FER2013 if classes <= set(FER2013) else tuple(sorted(classes))


def _from_csv(path: Path, part: str, names: tuple[str, ...] | None) -> LabelledFaces:
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    paths: list[str] = []
    names = names or FER2013
    for line, row in read_rows(path, ("emotion", "pixels"), "csv in FER2013's form"):
        if part and row.get("Usage") != part:
            continue
        try:
            images.append(_pixels(row["pixels"]))
            labels.append(_index(row["emotion"], names))
        except (ValueError, OverflowError) as exc:
            raise BadInput(f"{path}, line {line}: {exc}; remove the line, or download the file again") from exc
        paths.append(f"{row['Usage']}/line {line}" if row.get("Usage") else f"line {line}")
    return LabelledFaces(stack(images), np.array(labels, np.int64), tuple(paths), names)


def _pixels(text: str) -> NDArray[np.uint8]:
    values = np.array(text.split(), np.int64)
    side = int(len(values) ** 0.5)
    if side**2 != len(values) or side == 0 or values.min() < 0 or values.max() > 255:
        raise ValueError(f"pixels are {len(values)} numbers, not a square of 0 to 255")
    return values.astype(np.uint8).reshape(side, side)


def _index(text: str, names: tuple[str, ...]) -> int:
    label = int(text)
    if not 0 <= label < len(names):
        raise ValueError(f"emotion is {label}, labels go from 0 to {len(names) - 1}")
    return label


def _from_npz(path: Path, names: tuple[str, ...] | None) -> LabelledFaces:
    try:
        loaded = load_arrays(path)
    except ValueError as exc:
        raise BadInput(
            f"{path} is no npz of plain arrays: {exc}; write it with numpy.savez(images=…, labels=…)"
        ) from exc
    images = loaded.get("images", np.empty(0))
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise BadInput(f"{path}: images is {images.shape} {images.dtype}; it should be (n, height, width) uint8")
    images = np.stack([to_gray(image) for image in images]) if images.ndim == 4 else images
    labels = loaded.get("labels", np.full(len(images), UNLABELLED))
    if not np.issubdtype(labels.dtype, np.integer):
        raise BadInput(f"{path}: labels is {labels.dtype}; it should be whole numbers, positions in names")
    labels = labels.astype(np.int64)
    names = names or tuple(str(name) for name in np.atleast_1d(loaded.get("names", FER2013)))
    if labels.shape != (len(images),) or (len(labels) and not UNLABELLED <= labels.min() <= labels.max() < len(names)):
        raise BadInput(
            f"{path}: labels is {labels.shape}; it should be {len(images)} numbers from 0 to {len(names) - 1}"
        )
    return LabelledFaces(images, labels, tuple(f"image {n}" for n in range(len(images))), names)


def decode(path: Path, member: PurePosixPath, content: bytes) -> NDArray[np.uint8]:
    """Return the image file *member* of *path* as grey ``(h, w)`` uint8. Raises `BadInput` when it is none."""
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    except cv2.error:  # more than 2^30 pixels, for one
        image = None
    if image is None:
        raise BadInput(f"{path}: {member} is not a readable image; remove it, or download the data again")
    return np.asarray(image, np.uint8)


def stack(images: list[NDArray[np.uint8]]) -> NDArray[Any]:
    """Return *images* as ``(n, h, w)`` uint8, or as ``(n,)`` objects where their sizes differ."""
    if len({image.shape for image in images}) == 1:
        return np.stack(images)
    several = np.empty(len(images), object)
    several[:] = images
    return several


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

    small = Preprocess(size_px=48)  # leaves FER2013's images as they are
    pool = unit(of.crops(small)).T
    crops = faces.crops(small)
    parts = [unit(crops[start : start + 256]) for start in range(0, len(faces), 256)]
    return np.concatenate([(part @ pool).max(axis=1) > threshold for part in parts])
