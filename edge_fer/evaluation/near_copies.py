"""Faces that two sets share: copies that were resized, compressed again, or lit otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.preprocess import Preprocess

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces

SIDE_PX: Final = 48
"""The side at which faces are compared: FER2013's own, so that its images stay as they are."""
BATCH: Final = 256
THRESHOLD: Final = 0.98
"""Cosine above which two faces are copies of one picture. Below 1, since scaling and compression change pixels."""


def near_copies(faces: LabelledFaces, of: LabelledFaces, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
    """Return which *faces* have a near-copy in *of*, ``(len(faces),)`` bool.

    Two faces are near-copies when the cosine of their pixels, after each face's mean is removed, is above *threshold*.
    FER2013 has near-copies across its splits, so the accuracy on the other faces is the honest figure. A face of one
    grey level has no near-copy.
    """
    spec = Preprocess(size_px=SIDE_PX)
    others = _unit_vectors(of.crops(spec)).T
    crops = faces.crops(spec)
    copies = np.zeros(len(faces), np.bool_)
    # In batches: the cosines of all pairs of FER2013's training and test faces at once would take 400 MB.
    for start in range(0, len(faces), BATCH):
        batch = slice(start, start + BATCH)
        cosines = _unit_vectors(crops[batch]) @ others
        copies[batch] = cosines.max(axis=1) > threshold
    return copies


def _unit_vectors(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return each of ``(n, N, N)`` *images* as a vector of length 1 and mean 0, ``(n, N * N)``."""
    vectors = images.reshape(len(images), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    # An image of one grey level has norm 0; dividing by 1 leaves it at 0, the cosine that is nobody's copy.
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)
