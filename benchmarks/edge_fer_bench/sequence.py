"""A labelled sequence of real faces, on which states over time are judged: drawn ones mean little to a classifier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.sources import Frame, SourceBase, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_fer.evaluation.labelled import LabelledFaces

HOLD_S: Final = 3.0
"""How long a face is shown."""
SIZE_PX: Final = (640, 480)
SIDE_PX: Final = 176
MOVES: Final = ((120.0, 0.7), (60.0, 0.5), (20.0, 0.4))
"""Pixels, and radians a second, by which a face's middle and side swing."""


class FaceSequence(SourceBase):
    """One face after the other, each of another label than the last, moving as people in front of a camera do.

    The faces are drawn by lot from *faces*, which are labelled; nothing is done to leave out those that a detector does
    not see or that people would not agree on.
    """

    def __init__(self, faces: LabelledFaces, *, fps: float, frames: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._faces, self.fps, self._frames = faces, fps, frames
        self._chosen = _by_lot(faces, math.ceil(frames / fps / HOLD_S), rng)
        self._phase = rng.uniform(0, 2 * math.pi, len(MOVES))
        self._scenes = np.clip(rng.normal(110, 3, (4, *SIZE_PX[::-1])), 0, 255).astype(np.uint8)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, as fast as they are asked for."""
        for index in range(self._frames):
            time_s = index / self.fps
            chosen = self._chosen[int(time_s / HOLD_S)]
            face, label = self._faces.images[chosen], self._faces.names[self._faces.labels[chosen]]
            right, down, wider = (
                size * math.sin(phase + rate * time_s) for (size, rate), phase in zip(MOVES, self._phase, strict=True)
            )
            side = SIDE_PX + wider
            left, top = (SIZE_PX[0] - side) / 2 + right, (SIZE_PX[1] - side) / 2 + down
            scale = side / face.shape[0]
            matrix = np.array([[scale, 0, left + (scale - 1) / 2], [0, scale, top + (scale - 1) / 2]])
            image = self._scenes[index % len(self._scenes)].copy()
            cv2.warpAffine(face, matrix, SIZE_PX, image, cv2.INTER_CUBIC, cv2.BORDER_TRANSPARENT)
            yield Frame(image, time_s, index, "faces", (Truth(Box(left, top, side, side), label),))


def _by_lot(faces: LabelledFaces, count: int, rng: np.random.Generator) -> list[int]:
    """Return *count* indices of *faces*, neighbours of different labels where there are several."""
    present = np.unique(faces.labels)
    chosen: list[int] = []
    for _ in range(count):
        others = present[present != faces.labels[chosen[-1]]] if chosen else present
        label = rng.choice(others if len(others) else present)
        chosen.append(int(rng.choice(np.flatnonzero(faces.labels == label))))
    return chosen
