"""Reads labelled faces from an ``.npz`` of numpy arrays: *images*, and perhaps *labels* and *names*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge_fer.archives import load_arrays
from edge_fer.emotions import FER2013
from edge_fer.errors import BadInput
from edge_fer.evaluation.face_set import UNLABELLED, LabelledFaces
from edge_fer.preprocess import to_gray

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read(path: Path, names: tuple[str, ...] | None) -> LabelledFaces:
    """Return the faces of *path*.

    Labels are positions in *names*, by default the file's own, else those of FER2013. Raises `BadInput` for a file
    that is no npz, and for arrays of another shape or type.
    """
    try:
        arrays = load_arrays(path)
    except ValueError as exc:
        raise BadInput(
            f"{path} is not an npz of plain arrays: {exc}; write it with numpy.savez(images=…, labels=…)"
        ) from exc
    images = _images(path, arrays)
    names = names or _names(arrays)
    labels = _labels(path, arrays, len(images), len(names))
    paths = tuple(f"image {number}" for number in range(len(images)))
    return LabelledFaces(images, labels, paths, names)


def _images(path: Path, arrays: dict[str, NDArray[Any]]) -> NDArray[np.uint8]:
    images = arrays.get("images", np.empty(0))
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise BadInput(f"{path}: images is {images.shape} {images.dtype}; it should be (n, height, width) uint8")
    if images.ndim == 4:
        return np.stack([to_gray(image) for image in images])
    return images


def _names(arrays: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    if "names" not in arrays:
        return FER2013
    # numpy stores a single text as an array without dimensions, over which one cannot loop.
    return tuple(str(name) for name in np.atleast_1d(arrays["names"]))


def _labels(path: Path, arrays: dict[str, NDArray[Any]], count: int, classes: int) -> NDArray[np.int64]:
    labels = arrays.get("labels", np.full(count, UNLABELLED))
    if not np.issubdtype(labels.dtype, np.integer):
        raise BadInput(f"{path}: labels is of type {labels.dtype}; it should be integers, positions in names")
    if labels.shape != (count,):
        raise BadInput(f"{path}: labels is {labels.shape}; it should be ({count},), a label for each image")
    labels = labels.astype(np.int64)
    if count and (labels.min() < UNLABELLED or labels.max() >= classes):
        raise BadInput(f"{path}: labels goes from {labels.min()} to {labels.max()}, not from 0 to {classes - 1}")
    return labels
