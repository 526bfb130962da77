"""Calibration sets: a few training faces, balanced over the classes, never one that is evaluated on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge_fer.labelled import LabelledFaces


def choose(faces: LabelledFaces, count: int = 500, seed: int = 0) -> LabelledFaces:
    """Return *count* of *faces*, as evenly over the classes as there are faces, the same for the same seed."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(faces))
    by_class = [order[faces.labels[order] == label] for label in range(len(faces.names))]
    rank = np.concatenate([np.arange(len(members)) for members in by_class])
    chosen = np.concatenate(by_class)[np.argsort(rank, kind="stable")[:count]]
    return faces.take(chosen)
