"""Calibration sets: a few training faces, balanced over the classes, none of which is evaluated on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces
    from edge_fer.preprocess import Preprocess

FEW: Final = 100
"""Number of images below which the ranges depend on which images they are."""
FLAT: Final = 2.0
"""Standard deviation, in pixel values, below which an image shows nothing."""
NAMED: Final = 3
"""Number of left-out images that a warning names."""
OVERLAP: Final = 0.5
"""Share of an evaluation set in the calibration data above which somebody has passed the same data twice.

Smaller overlaps are left out of the calibration: FER2013's Training holds 269 of PublicTest's 3,563 different images.
"""


@dataclass(frozen=True)
class Calibration:
    """The images that a model is calibrated with."""

    faces: LabelledFaces
    values: NDArray[np.float32]
    """``(n, N, N, channels)`` model values; two of them span the whole range of a preprocessing spec that has one."""
    sha256: str
    """Of the crops in their order."""

    @classmethod
    def of_faces(cls, faces: LabelledFaces, preprocess: Preprocess) -> Self:
        """Put *faces* through the preprocessing spec, and pin the range of the input.

        Two pixels get the lowest and the highest value that there is. So the calibrated range is that of all 256 pixel
        values, and each of them has an int8 value of its own. Standardised faces have no such ends: their range is that
        of the calibration images.
        """
        crops = faces.crops(preprocess)
        values = preprocess.to_values(crops)
        if not preprocess.standardize:
            table = preprocess.table()
            values[0, 0, 0] = table[0]
            values[0, 0, 1] = table[255]
        return cls(faces, values, hashlib.sha256(crops.tobytes()).hexdigest())


def choose(faces: LabelledFaces, count: int = 500, seed: int = 0) -> LabelledFaces:
    """Return *count* of *faces*, as evenly over the classes as there are faces; the same seed chooses the same."""
    rng = np.random.default_rng(seed)
    # Shuffled first, because data sets are often sorted by person or by source.
    order = rng.permutation(len(faces))
    labels = faces.labels[order]
    members = []
    ranks = []
    for label in np.unique(faces.labels):
        of_class = order[labels == label]
        members.append(of_class)
        ranks.append(np.arange(len(of_class)))
    # Sorted by rank within the class: each class gives its first face, then each its second, and so on. Stable, so that
    # equal ranks stay in the order of the classes on every platform.
    by_rank = np.argsort(np.concatenate(ranks), kind="stable")
    chosen = np.concatenate(members)[by_rank]
    return faces.take(chosen[:count])


def without_flat(faces: LabelledFaces, warn: Callable[[str], None]) -> LabelledFaces:
    """Return *faces* without images that show nothing. Raises `BadInput` when none is left."""
    # Such an image, for instance a camera's black frame, would only distort the ranges.
    shows = np.array([float(np.std(image)) >= FLAT for image in faces.images])
    left = int(shows.sum())
    flat = len(faces) - left
    if flat:
        names = ", ".join(faces.paths[number] for number in np.flatnonzero(~shows)[:NAMED])
        warn(f"{flat} of {len(faces)} calibration images are of one colour and left out ({names}…)")
    if left == 0:
        raise BadInput(f"all {len(faces)} calibration images are of one colour; pass faces as the camera sees them")
    if left < FEW:
        warn(f"only {left} calibration images: below {FEW} the ranges depend on which ones they are")
    return faces.take(np.flatnonzero(shows))


def without_evaluated(
    pool: LabelledFaces, evaluated: LabelledFaces, warn: Callable[[str], None], *, forced: bool
) -> LabelledFaces:
    """Return *pool* without the images of *evaluated*, which are recognised by a hash of their pixels.

    Raises `BadInput` when *pool* holds most of *evaluated*. With *forced*, the whole *pool* is returned in any case.
    """
    # By their pixels and not by their names: the same picture has other names in two downloads of a data set.
    evaluated_digests = set(evaluated.digests())
    pool_digests = pool.digests()
    shared = evaluated_digests.intersection(pool_digests)
    if not shared:
        return pool
    message = f"{len(shared)} of {len(evaluated)} evaluation images are in the calibration data too"
    if forced:
        warn(f"{message}; they are used as --allow-overlap says: the measured drop is too good")
        return pool
    if len(shared) > OVERLAP * len(evaluated_digests):
        raise BadInput(f"{message}; pass separate sets (path#part takes one part of a file), or --allow-overlap")
    warn(f"{message}; they are left out of the calibration")
    unseen = [number for number, digest in enumerate(pool_digests) if digest not in evaluated_digests]
    return pool.take(np.array(unseen, np.intp))
