"""Which faces are the same: by place, and by looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from edge_fer.detectors import SURE

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.detectors import Face
    from edge_fer.tracking.track import Track

SAME_FACE_IOU: Final = 0.3
"""Intersection over union above which two boxes are the same face."""
MOMENT_S: Final = 0.5
"""A face that is away for less has not gone far: its place tells who it is."""
LIKE_ITSELF: Final = 0.35
"""Least likeness of a face to how it looked a moment ago, however it has turned."""
LIKE_BEFORE: Final = 0.6
"""Least likeness at which a face that was away for longer is taken for the same person."""
CLOSE: Final = 0.3
"""Least closeness to a lost face of something that may be no face, to be taken for it."""
SPEED: Final = 2.0
"""Widths of its face that a person who is not seen may move in a second."""


def same(a: Box, b: Box) -> bool:
    """Return whether two boxes in one frame lie on the same face."""
    return a.iou(b) > SAME_FACE_IOU


def distance(a: Box, b: Box) -> float:
    """Return the distance of the centres, in widths of the larger box."""
    x_distance = a.x + a.width / 2 - b.x - b.width / 2
    y_distance = a.y + a.height / 2 - b.y - b.height / 2
    return math.hypot(x_distance, y_distance) / max(a.width, b.width)


def closeness(lost: Box, found: Box) -> float:
    """Rate how well *found* continues *lost*, in [0, 1]: 0 beyond one face's width, or from twice the size on."""
    by_place = max(0.0, 1 - distance(lost, found))
    by_size = max(0.0, 2 - _size_ratio(lost, found))
    return by_place * by_size


def whose(gray: NDArray[np.uint8], face: Face, time_s: float, lost: Iterable[Track]) -> Track | None:
    """Return which of the *lost* tracks *face*, found in *gray* at *time_s*, continues; None if none."""
    best = None
    best_claim = 0.0
    for track in lost:
        claim = _claim(gray, face, time_s, track)
        if claim > best_claim:
            best = track
            best_claim = claim
    return best


def _claim(gray: NDArray[np.uint8], face: Face, time_s: float, lost: Track) -> float:
    """Rate how well *lost* goes on with *face*; 0 if it does not."""
    away_s = time_s - lost.seen_s
    near = closeness(lost.box, face.box)
    if face.confidence < SURE and near < CLOSE:
        return 0.0
    if not lost.looks.patches:
        return near if away_s <= MOMENT_S else 0.0
    likeness = lost.looks.likeness(gray, face.box)
    if away_s <= MOMENT_S and near > 0:
        return near + likeness if likeness >= LIKE_ITSELF else 0.0
    if distance(lost.box, face.box) > 1 + SPEED * away_s or _size_ratio(lost.box, face.box) > 2:
        return 0.0
    return likeness if likeness >= LIKE_BEFORE else 0.0


def _size_ratio(a: Box, b: Box) -> float:
    return max(a.width, b.width) / min(a.width, b.width)
