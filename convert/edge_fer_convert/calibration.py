"""Calibration sets: a few training faces, balanced over the classes, never one that is evaluated on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer.evaluation.labelled import LabelledFaces
    from edge_fer.preprocess import Preprocess

FEW = 100
"""Below so many images, ranges depend on which ones they are."""
FLAT = 2.0
"""Standard deviation, in pixel values, below which an image shows nothing."""
OVERLAP = 0.5
"""Share of an evaluation set in the calibration data from which on it is there on purpose or by mistake.

Less is left out of the calibration and told: FER2013's Training holds 269 of PublicTest's 3,563 different images.
"""


@dataclass(frozen=True)
class Calibration:
    """What a model is calibrated with."""

    faces: LabelledFaces
    values: NDArray[np.float32]
    """``(n, N, N, planes)`` model values; two of them span the spec's whole range."""
    sha256: str
    """Of the crops in their order."""


def choose(faces: LabelledFaces, count: int = 500, seed: int = 0) -> LabelledFaces:
    """Return *count* of *faces*, as evenly over the classes as there are faces, the same for the same seed."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(faces))
    by_class = [order[faces.labels[order] == label] for label in np.unique(faces.labels)]
    rank = np.concatenate([np.arange(len(members)) for members in by_class])
    chosen = np.concatenate(by_class)[np.argsort(rank, kind="stable")[:count]]
    return faces.take(chosen)


def prepare(faces: LabelledFaces, preprocess: Preprocess) -> Calibration:
    """Put *faces* through the spec, and pin the range of the input.

    One pixel of the lowest and one of the highest value make sure that every pixel value has an int8 value of its own.
    """
    crops = faces.crops(preprocess)
    values = preprocess.to_values(crops)
    table = preprocess.table()
    values[0, 0, 0], values[0, 0, 1] = table[0], table[255]
    return Calibration(faces, values, hashlib.sha256(crops.tobytes()).hexdigest())


def without_flat(faces: LabelledFaces, warn: Callable[[str], None]) -> LabelledFaces:
    """Leave out images that show nothing. Raises `BadInput` when few are left."""
    shows = np.array([float(np.std(image)) >= FLAT for image in faces.images])
    flat = int((~shows).sum())
    if flat:
        where = ", ".join(faces.paths[n] for n in np.flatnonzero(~shows)[:3])
        warn(f"{flat} of {len(faces)} calibration images are of one colour and left out ({where}…)")
    if shows.sum() < 1:
        raise BadInput(f"all {len(faces)} calibration images are of one colour; pass faces as the camera sees them")
    if shows.sum() < FEW:
        warn(f"only {int(shows.sum())} calibration images: below {FEW} the ranges depend on which ones they are")
    return faces.take(np.flatnonzero(shows))


def without_evaluated(
    pool: LabelledFaces, evaluated: LabelledFaces, warn: Callable[[str], None], *, forced: bool
) -> LabelledFaces:
    """Leave out of *pool* the very images of *evaluated*, found by the hash of their pixels.

    Raises `BadInput` when most of *evaluated* stand in *pool*: then somebody passed the same data twice. *forced* takes
    them all the same.
    """
    known = set(evaluated.digests())
    mine = pool.digests()
    shared = known & set(mine)
    if not shared:
        return pool
    said = f"{len(shared)} of {len(evaluated)} evaluation images stand in the calibration data as well"
    if forced:
        warn(f"{said}; used all the same, as asked for: the measured drop is too good")
        return pool
    if len(shared) > OVERLAP * len(known):
        raise BadInput(f"{said}; pass separate sets (path#part takes one part of a file), or --allow-overlap")
    warn(f"{said}; left out of the calibration")
    return pool.take(np.array([n for n, digest in enumerate(mine) if digest not in known]))
