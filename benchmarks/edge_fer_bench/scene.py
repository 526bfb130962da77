"""The film on which everything is timed: drawn once, read from a file, the same for edge-fer and for its peers.

It is played forwards and backwards in turn, so that the face never jumps. The file is a plain ``.npy`` of grey frames,
which programs that know nothing of edge-fer can read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.errors import BadInput, SinkError
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.camera import Camera
from edge_fer.sources.drawn.hard import ROUND_S
from edge_fer.sources.options import SCENES
from edge_fer.sources.synthetic import SyntheticCamera

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from edge_fer.clock import Clock


HARD_LENGTH: Final = 3
"""The film of scene ``hard`` is so many times as long: it must show people in many poses."""
STRETCH_S: Final = 3.0
"""About how long the film of scene ``hard`` shows the same people before it cuts to others."""


@dataclass(frozen=True)
class Scene:
    """What the film shows."""

    width_px: int = 640
    height_px: int = 480
    fps: float = 30.0
    frames: int = 151
    faces: int = 1
    seed: int = 1
    kind: str = "easy"
    """``easy``: faces that look at the camera. ``hard``: people as cameras meet them, see `SyntheticCamera`."""

    @classmethod
    def of(cls, kind: str, *, frames: int, faces: int, fps: float) -> Scene:
        """Return the scene *kind* with a film of so many *frames*; of scene ``hard`` `HARD_LENGTH` times as many.

        Raises `BadInput` if there is no such scene, or if it shows another number of faces.
        """
        if kind not in SCENES:
            raise BadInput(f"no scene {kind!r}; pass one of: {', '.join(SCENES)}")
        if kind == "easy":
            return cls(frames=frames, faces=faces, fps=fps)
        if faces != 1:
            raise BadInput(f"--faces {faces} is for the scene easy; the scene {kind} has people who come and go")
        return cls(frames=HARD_LENGTH * frames, fps=fps, kind=kind)

    def shown(self, index: int) -> int:
        """Return which frame of the camera is the *index*-th of the film."""
        if self.kind == "easy":
            return index
        # A film is shorter than a round of shots. So it is made of stretches from all over the round, each long enough
        # for somebody to be found and followed.
        stretches = max(1, round(self.frames / self.fps / STRETCH_S))
        length = math.ceil(self.frames / stretches)
        stretch, within = divmod(index, length)
        return round(stretch * ROUND_S * self.fps / stretches) + within

    @property
    def turn(self) -> int:
        """Number of frames after which the film repeats."""
        # Played there and back, the first and the last frame are shown once and all others twice.
        return max(1, 2 * self.frames - 2)

    def camera(self) -> SyntheticCamera:
        """Return the camera that films it; `shown` tells which of its frames the film has."""
        return SyntheticCamera(
            scene=self.kind,
            width_px=self.width_px,
            height_px=self.height_px,
            fps=self.fps,
            faces=self.faces,
            seed=self.seed,
        )

    def draw(self, path: Path) -> None:
        """Write the film to *path* as ``(frames, height, width)`` uint8. Raises `SinkError` if that fails."""
        camera = self.camera()
        shape = (self.frames, self.height_px, self.width_px)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        # One frame after the other: a film of the full suite takes up to 139 MB, which a small board should not hold at
        # once. Not through a memory map, which ends the process with a signal where the disk is full.
        try:
            with path.open("wb") as file:
                np.lib.format.write_array_header_1_0(file, header)
                for index in range(self.frames):
                    file.write(camera.frame(self.shown(index)).image.tobytes())
        except OSError as exc:
            raise SinkError(
                f"the film for the benchmark, {math.prod(shape) / 1e6:.0f} MB, cannot be written to {path.parent}: "
                f"{exc.strerror or exc}; make room, or set TMPDIR to another folder"
            ) from exc


def position(index: int, frames: int) -> int:
    """Return which of *frames* is shown as the *index*-th when they are played forwards and backwards in turn."""
    if frames == 1:  # a turn would have no frames
        return 0
    turn = 2 * frames - 2
    within = index % turn
    return within if within < frames else turn - within


class Film(SourceBase):
    """A source that plays a film as fast as frames are taken, in colour as a camera delivers it."""

    def __init__(self, path: Path, fps: float = 30.0) -> None:
        self.fps = fps
        self._next = 0
        self._film: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        # One buffer for all frames, or the allocation would be part of what is timed.
        self._colour = np.empty((*self._film.shape[1:], 3), np.uint8)

    def frames(self) -> Iterator[Frame]:
        """Yield frames without end. A second iteration continues where the last one stopped."""
        while True:
            index = self._next
            self._next += 1
            yield Frame(self.picture(index), index / self.fps, index, "film")

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Return the *index*-th picture, ``(height, width, 3)`` uint8, valid until the next call."""
        # Detectors take grey, but cameras deliver colour: converting it back is part of the work on a device.
        gray = self._film[position(index, len(self._film))]
        return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR, dst=self._colour))


class PacedCapture:
    """A film in place of ``cv2.VideoCapture``: delivers *fps* frames a second, whether or not they are taken."""

    def __init__(self, film: Film, fps: float, clock: Clock | None = None) -> None:
        self._film = film
        self._fps = fps
        # A test injects a clock; the frames themselves do not depend on it.
        self._clock = clock or SystemClock()
        self._began = self._clock.now()
        self._delivered = 0

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return True: a film is always open."""
        return True

    def read(self) -> tuple[bool, Any]:
        """Wait for the moment of the next frame and return a copy of it."""
        # Counted from the beginning, not from the last frame, so that the rate holds whatever reading takes.
        wait_s = self._began + self._delivered / self._fps - self._clock.now()
        if wait_s > 0:
            self._clock.sleep(wait_s)
        self._delivered += 1
        # A copy, since the capture thread overwrites the film's buffer while this frame is being processed.
        return True, self._film.picture(self._delivered).copy()

    def release(self) -> None:
        """Do nothing: no device is held."""


def paced_camera(film: Film, fps: float) -> Camera:
    """Return *film* behind the camera code of the device: a thread of its own that keeps only the newest frame."""
    # The camera code asks its opener for a capture again after an error; a film gives a new one each time.
    return Camera("film", fps=fps, opener=lambda *_: PacedCapture(film, fps))
