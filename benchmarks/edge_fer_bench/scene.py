"""The film that everything is timed on: drawn once, read from a file, the same for edge-fer and for its peers.

It is played forwards and backwards in turn, so that the face never jumps. The file is a plain ``.npy`` of grey frames,
which programs that know nothing of edge-fer can read; each turns them into what it takes, as a camera's would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.camera import Camera
from edge_fer.sources.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.clock import Clock


@dataclass(frozen=True)
class Scene:
    """What is in the film."""

    width_px: int = 640
    height_px: int = 480
    fps: float = 30.0
    frames: int = 151
    faces: int = 1
    seed: int = 1

    @property
    def turn(self) -> int:
        """How many frames it takes until the film begins anew."""
        return max(1, 2 * self.frames - 2)

    def draw(self, path: Path) -> None:
        """Write the film to *path* as ``(frames, height, width)`` uint8."""
        camera = SyntheticCamera(
            width_px=self.width_px, height_px=self.height_px, fps=self.fps, faces=self.faces, seed=self.seed
        )
        shape = self.frames, self.height_px, self.width_px
        film = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        for index in range(self.frames):
            film[index] = camera.frame(index).image
        film.flush()


def position(index: int, frames: int) -> int:
    """Return which of *frames* is shown as the *index*-th when they are played forwards and backwards in turn."""
    if frames == 1:
        return 0
    turn = index % (2 * frames - 2)
    return turn if turn < frames else 2 * frames - 2 - turn


class Film(SourceBase):
    """A source that plays a film as fast as it is asked to, in colour as a camera delivers it."""

    def __init__(self, path: Path, fps: float = 30.0) -> None:
        self.fps, self._next = fps, 0
        self._film: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        self._colour = np.empty((*self._film.shape[1:], 3), np.uint8)

    def frames(self) -> Iterator[Frame]:
        """Yield frames without end, going on where the last iteration stopped."""
        while True:
            index, self._next = self._next, self._next + 1
            yield Frame(self.picture(index), index / self.fps, index, "film")

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return the *index*-th picture, ``(height, width, 3)`` uint8, valid until the next one."""
        gray = self._film[position(index, len(self._film))]
        return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR, dst=self._colour))


class PacedCapture:
    """A film as a camera that delivers *fps* frames a second whether anybody takes them or not."""

    def __init__(self, film: Film, fps: float, clock: Clock | None = None) -> None:
        self._film, self._fps, self._clock = film, fps, clock or SystemClock()
        self._began, self._seen = self._clock.now(), 0

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return True."""
        return True

    def read(self) -> tuple[bool, Any]:
        """Wait for the moment of the next frame and return a copy of it."""
        wait = self._began + self._seen / self._fps - self._clock.now()
        if wait > 0:
            self._clock.sleep(wait)
        self._seen += 1
        return True, self._film.picture(self._seen).copy()

    def release(self) -> None:
        """Hold nothing."""


def paced(film: Film, fps: float) -> Camera:
    """Return *film* behind the very camera code of the device: a thread of its own, the newest frame only."""
    return Camera("film", fps=fps, opener=lambda *_: PacedCapture(film, fps))
