"""Labelled faces in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.emotions import FER2013

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.preprocess import Preprocess

UNLABELLED: Final = -1
"""The label of a face whose class is not known."""


@dataclass(frozen=True)
class LabelledFaces:
    """Cropped grey faces, each with a label and a path.

    ``images`` is ``(n, height, width)`` uint8; where sizes differ, it is an ``(n,)`` array of objects, each
    ``(height, width)`` uint8. ``labels`` is ``(n,)`` int64: indices into ``names``, or `UNLABELLED`.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    paths: tuple[str, ...]
    """Where each face comes from, below the folder or file: ``happiness/9.png``, ``Training/line 9``."""
    names: tuple[str, ...] = FER2013
    """The classes, in the order of their labels."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def labelled(self) -> bool:
        """Whether every face has a label."""
        return bool((self.labels != UNLABELLED).all())

    def take(self, indices: NDArray[np.intp]) -> LabelledFaces:
        """Return the faces at *indices*, in that order."""
        paths = tuple(self.paths[index] for index in indices)
        return LabelledFaces(self.images[indices], self.labels[indices], paths, self.names)

    def sample(self, count: int, seed: int) -> LabelledFaces:
        """Return at most *count* of the faces, chosen at random. The same *seed* gives the same faces."""
        order = np.random.default_rng(seed).permutation(len(self))
        return self.take(order[:count])

    def crops(self, preprocess: Preprocess) -> NDArray[np.uint8]:
        """Return the faces as ``(n, N, N)`` uint8 after the preprocessing spec: what a model receives."""
        return np.stack([preprocess.crop(image) for image in self.images])

    def digests(self) -> tuple[str, ...]:
        """Return the sha256 of each face's shape and pixels, the same for the same picture in another file format."""
        return tuple(_digest(image) for image in self.images)


def stack(images: list[NDArray[np.uint8]]) -> NDArray[Any]:
    """Return *images* as one ``(n, height, width)`` array, or as ``(n,)`` objects where their sizes differ."""
    shapes = {image.shape for image in images}
    if len(shapes) == 1:
        return np.stack(images)
    # np.array(images, object) would make an array of pixels out of images that share one side.
    array = np.empty(len(images), object)
    array[:] = images
    return array


def _digest(image: NDArray[np.uint8]) -> str:
    # Without the shape, 2 x 8 and 4 x 4 pixels of the same values would be the same picture.
    content = repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()
    return hashlib.sha256(content).hexdigest()
