"""A labelled sequence of real faces for measuring states over time; drawn faces mean little to a classifier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_fer.boxes import Box
from edge_fer.sources import Frame, SourceBase, Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer.evaluation.face_set import LabelledFaces

HOLD_S: Final = 3.0
"""How long each face is shown: several time constants of the smoothing, so that its label can become the state."""
SIZE_PX: Final = (640, 480)
"""Width and height of a frame, those of the film by default."""
SIDE_PX: Final = 176
"""Mean side of a face: over a third of the frame's height, as of a person who sits in front of the camera."""
MOVES: Final = ((120.0, 0.7), (60.0, 0.5), (20.0, 0.4))
"""Amplitude in pixels and rate in radians a second of the swing to the right, downwards, and of the side's length.

The amplitudes keep the face inside the frame. The rates share no short period, so that its path does not repeat while
one face is shown."""
BACKGROUNDS: Final = 4
"""A few suffice to keep neighbouring frames from being equal, and drawing one for each frame would take long."""


class FaceSequence(SourceBase):
    """One face after another, each with another label than the last, moving like people in front of a camera.

    The faces are drawn at random from *faces*, which are labelled. Faces that a detector misses, or whose label people
    would dispute, are not left out.
    """

    def __init__(self, faces: LabelledFaces, *, fps: float, frames: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.fps = fps
        self._faces = faces
        self._frames = frames
        self._chosen = _drawn_at_random(faces, math.ceil(frames / fps / HOLD_S), rng)
        self._phases = rng.uniform(0, 2 * math.pi, len(MOVES))
        # Grey noise as of a sensor: on a plain background a detector has an easier and faster task.
        width, height = SIZE_PX
        noise = rng.normal(110, 3, (BACKGROUNDS, height, width))
        self._backgrounds = np.clip(noise, 0, 255).astype(np.uint8)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames as fast as they are taken."""
        for index in range(self._frames):
            time_s = index / self.fps
            chosen = self._chosen[int(time_s / HOLD_S)]
            label = self._faces.names[self._faces.labels[chosen]]
            box = self._box(time_s)
            image = self._backgrounds[index % BACKGROUNDS].copy()
            _paste(self._faces.images[chosen], box, image)
            yield Frame(image, time_s, index, "faces", (Truth(box, label),))

    def _box(self, time_s: float) -> Box:
        """Return where the face is at *time_s*."""
        swings: list[float] = []
        for (size_px, rate), phase in zip(MOVES, self._phases, strict=True):
            swing = size_px * math.sin(phase + rate * time_s)
            swings.append(swing)
        right, down, wider = swings
        side = SIDE_PX + wider
        width, height = SIZE_PX
        return Box((width - side) / 2 + right, (height - side) / 2 + down, side, side)


def _paste(face: NDArray[np.uint8], box: Box, image: NDArray[np.uint8]) -> None:
    """Scale *face* to *box* and draw it into *image*, with positions finer than a pixel so that it moves smoothly."""
    scale = box.width / face.shape[0]
    # OpenCV counts from the middle of the first pixel; (scale - 1) / 2 moves from its corner to there.
    middle = (scale - 1) / 2
    matrix = np.array([[scale, 0, box.x + middle], [0, scale, box.y + middle]])
    cv2.warpAffine(face, matrix, SIZE_PX, image, cv2.INTER_CUBIC, cv2.BORDER_TRANSPARENT)


def _drawn_at_random(faces: LabelledFaces, count: int, rng: np.random.Generator) -> list[int]:
    """Return *count* indices of *faces*; neighbours have different labels unless there is only one label."""
    # Only classes with images: a set need not have all of them.
    present = np.unique(faces.labels)
    chosen: list[int] = []
    for _ in range(count):
        candidates = present
        if chosen and len(present) > 1:
            candidates = present[present != faces.labels[chosen[-1]]]
        # The label first: otherwise a class with many images would fill the sequence.
        label = rng.choice(candidates)
        chosen.append(int(rng.choice(np.flatnonzero(faces.labels == label))))
    return chosen
