"""Where frames come from. One Protocol; `open_source` finds the source that a user's word means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from edge_fer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer.boxes import Box


@dataclass(frozen=True)
class Truth:
    """What a source knows to be in a frame, because it drew it."""

    box: Box
    label: str


@dataclass(frozen=True)
class Frame:
    """One picture. ``image`` may be a view into the source's buffer, valid until the next frame is asked for."""

    image: NDArray[Any]
    """``(height, width)`` grey or ``(height, width, 1 | 3 | 4)`` grey, BGR, BGRA."""
    time_s: float
    """In the source's own time: a video's, not the wall clock's."""
    index: int
    """From 0; a live source that drops frames leaves gaps."""
    name: str
    """File name, or the camera."""
    truth: tuple[Truth, ...] = ()


class Source(Protocol):
    """A stream of frames. A context manager, so that cameras are released."""

    @property
    def stills(self) -> bool:
        """Whether the frames have nothing to do with each other, so nothing may be tracked or smoothed over them."""
        ...

    @property
    def dropped(self) -> int:
        """Frames dropped so far because the consumer was slow."""
        ...

    @property
    def skipped(self) -> int:
        """Files or frames skipped so far because they could not be read; each was reported through `logging`."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the source ends. Raises `SourceError`."""
        ...

    def close(self) -> None:
        """Release what the source holds. Closing twice is allowed."""
        ...

    def __enter__(self) -> Self:
        """Return the source itself."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        ...


class SourceBase:
    """What most sources share: nothing is dropped, nothing is held."""

    stills = False
    dropped = 0
    skipped = 0

    def close(self) -> None:
        """Release nothing."""

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self.close()


def open_source(word: str) -> Source:
    """Return the source that *word* means.

    ``synthetic`` · ``picamera`` · a camera (``0``, ``/dev/video0``, ``rtsp://…``) · a folder of images · an image ·
    a video. Raises `SourceError` where there is no such thing.
    """
    from edge_fer.sources import camera, files, picamera, synthetic

    if word == "synthetic":
        return synthetic.SyntheticCamera()
    if word == "picamera":
        return picamera.PiCamera()
    if word.isdecimal() or word.startswith(("/dev/video", "rtsp://", "http://", "https://")):
        return camera.Camera(word)
    path = Path(word)
    if path.is_dir():
        return files.Folder(path)
    if not path.exists():
        raise SourceError(
            f"no source {word!r}; pass an image, a folder, a video, a camera (0, /dev/video0), picamera or synthetic"
        )
    suffix = path.suffix.lower()
    if suffix in files.IMAGE_SUFFIXES:
        return files.Image(path)
    if suffix in files.VIDEO_SUFFIXES:  # FFmpeg would show a text file as a film of its letters
        return files.Video(path)
    raise SourceError(
        f"{path} ends in {suffix!r}; images end in {' '.join(sorted(files.IMAGE_SUFFIXES))}, "
        f"videos in {' '.join(sorted(files.VIDEO_SUFFIXES))}"
    )
