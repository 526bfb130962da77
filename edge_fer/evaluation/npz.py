"""Reads labelled faces from an ``.npz`` of numpy arrays: *images*, and perhaps *labels* and *names*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.archives import load_arrays
from edge_fer.emotions import FER2013, find, ordered, spelled
from edge_fer.errors import BadInput
from edge_fer.evaluation import class_names
from edge_fer.evaluation.face_set import UNLABELLED, LabelledFaces
from edge_fer.preprocess import to_gray

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read(path: Path, part: str, names: tuple[str, ...] | None) -> LabelledFaces:
    """Return the faces of *path*, with the classes *names*; None for the file's own.

    Its *labels* are positions in its own *names*, by default those of FER2013, or words. Raises `BadInput` for a file
    that is no npz, for arrays of another shape or type, for faces of a class that is not in *names*, and for a *part*,
    of which an npz has none.
    """
    if part:
        raise BadInput(f"{path} has no part {part!r}: an npz has none; pass it without #{part}")
    try:
        arrays = load_arrays(path)
    except ValueError as exc:
        raise BadInput(
            f"{path} is not an npz of plain arrays: {exc}; write it with numpy.savez(images=…, labels=…)"
        ) from exc
    images = _images(path, arrays)
    labels, own = _labels_and_names(path, arrays, len(images))
    paths = tuple(f"image {number}" for number in range(len(images)))
    if names is not None:
        labels = class_names.relabelled(labels, own, names, str(path))
    return LabelledFaces(images, labels, paths, names or own)


def _images(path: Path, arrays: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
    images = arrays.get("images", np.empty(0))
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise BadInput(f"{path}: images is {images.shape} {images.dtype}; it should be (n, height, width) uint8")
    if images.ndim == 4:
        return np.stack([to_gray(image) for image in images])
    return images


def _labels_and_names(
    path: Path, arrays: dict[str, NDArray[Any]], count: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    labels = arrays.get("labels", np.full(count, UNLABELLED))
    if labels.shape != (count,):
        raise BadInput(f"{path}: labels is {labels.shape}; it should be ({count},), a label for each image")
    if labels.dtype.kind == "U":
        return _of_words(path, labels, arrays)
    names = _names(path, arrays)
    if not np.issubdtype(labels.dtype, np.integer):
        raise BadInput(f"{path}: labels is of type {labels.dtype}; it should be integers, positions in names, or words")
    if count and (labels.min() < UNLABELLED or labels.max() >= len(names)):
        raise BadInput(f"{path}: labels goes from {labels.min()} to {labels.max()}, not from 0 to {len(names) - 1}")
    return labels.astype(np.int64), names


def _of_words(
    path: Path, words: NDArray[np.str_], arrays: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return labels that are *words* as positions in the names that the file has, or that the words make."""
    classes = [spelled(word) for word in words.tolist()]
    own = _names(path, arrays) if "names" in arrays else ordered(set(classes))
    own = class_names.checked(own, f"{path}: labels")
    positions = {name: find(name, own) for name in set(classes)}
    missing = sorted(name for name, position in positions.items() if position is None)
    if missing:
        raise BadInput(f"{path}: labels has {', '.join(missing)}, which names has not; add it there")
    return np.array([positions[name] for name in classes], np.int64), own


def _names(path: Path, arrays: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    if "names" not in arrays:
        return FER2013
    # numpy stores a single text as an array without dimensions, over which one cannot loop.
    names = np.atleast_1d(arrays["names"])
    if names.ndim != 1 or names.dtype.kind != "U":
        raise BadInput(
            f"{path}: names is {names.shape} {names.dtype}; it should be a list of texts, one for each class"
        )
    return class_names.checked([spelled(name) for name in names.tolist()], f"{path}: names")
