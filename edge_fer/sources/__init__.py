"""Where frames come from: the `Source` protocol, and `open_source`, which opens the source that a name stands for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from edge_fer.errors import SourceError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edge_fer.boxes import Box
    from edge_fer.sources.options import SourceOptions


@dataclass(frozen=True)
class Truth:
    """A face that a source drew into a frame itself, so that its place, pose and expression are known."""

    box: Box
    """Where Haar's frontal cascade sees the face, or would see it if it looked straight into the camera."""
    label: str
    person: int = 0
    """Who it is: the same number in every frame of the source."""
    yaw_deg: float = 0.0
    """By how much the head is turned aside, positive to the right of the picture."""
    pitch_deg: float = 0.0
    """By how much it is bowed, positive downwards."""
    roll_deg: float = 0.0
    """By how much it is tilted, positive clockwise."""
    visible: float = 1.0
    """Share of the face that lies inside the frame and is not hidden by anything, in [0, 1]."""
    eyes_open: float = 1.0
    """How far the lids are apart, relative to the same person's open eyes. Only scenes with fine eyes tell."""


@dataclass(frozen=True)
class Frame:
    """One picture. ``image`` may be a view into the source's buffer, valid until the next frame is asked for."""

    image: NDArray[Any]
    """``(height, width)`` grey or ``(height, width, 1 | 3 | 4)`` grey, BGR, BGRA."""
    time_s: float
    """In the source's own time: of a video its playing time, not the wall clock."""
    index: int
    """From 0; a live source that drops frames leaves gaps."""
    name: str
    """File name, or the camera."""
    truth: tuple[Truth, ...] = ()
    reduced: int = 1
    """How many pixels of the original each pixel stands for, in width and in height. Records count in the original's
    pixels, since a very large picture is decoded reduced."""


class Source(Protocol):
    """A stream of frames. A context manager, so that cameras are released."""

    @property
    def stills(self) -> bool:
        """Whether the frames are unrelated pictures, over which nothing may be tracked or smoothed."""
        ...

    @property
    def live(self) -> bool:
        """Whether frames come at their own pace, and are dropped where nobody is ready for them."""
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
    """What most sources share: moving pictures, nothing dropped, nothing to release."""

    stills = False
    live = False
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


def open_source(name: str, options: SourceOptions | None = None) -> Source:
    """Return the source that *name* stands for.

    ``synthetic[:SCENE]`` · ``camera``, the first of this machine · ``picamera`` · a camera (``0``, ``/dev/video0``,
    ``/dev/v4l/by-id/…``) · a network address (``rtsp://…``, ``http://…``, ``udp://…``) · a folder of images · an image
    · a video · ``-``, standard input · ``@FILE``, whose first line is one of these. Raises `SourceError` if there is no
    such source, `MissingDependency` without picamera2.
    """
    from edge_fer.sources import addresses
    from edge_fer.sources.options import SourceOptions

    options = options or SourceOptions()
    name = addresses.resolve(name)
    kind = addresses.kind_of(name)
    # Imported here, since they import OpenCV, which `Frame` and `Source` do not need.
    if kind is addresses.Kind.PATH:
        source = _open_path(name, options)
    elif kind is addresses.Kind.STANDARD_INPUT:
        from edge_fer.sources import standard_input

        refuse_camera_options(name, options)
        source = standard_input.open_standard_input()
    else:
        from edge_fer.sources import opening

        source = opening.open_live(kind, name, options)
    return viewed(source, options)


def viewed(source: Source, options: SourceOptions) -> Source:
    """Return *source*, whose pictures are turned, mirrored and cut as *options* say."""
    if not options.view.changes:
        return source
    from edge_fer.sources.transform import Transformed

    return Transformed(source, options.view)


def refuse_camera_options(name: str, options: SourceOptions) -> None:
    """Raise `SourceError` for a size or a rate that the source *name*, which is no camera, is asked for."""
    from edge_fer.sources.addresses import redact

    if options.size_px is not None or options.fps is not None:
        raise SourceError(f"--size and --fps are for cameras, and {redact(name)} is none; leave them out")


def _open_path(name: str, options: SourceOptions) -> Source:
    from edge_fer.images import IMAGE_SUFFIXES, UNREADABLE_SUFFIXES
    from edge_fer.sources import files, video
    from edge_fer.sources.addresses import redact

    refuse_camera_options(name, options)
    path = Path(name)
    try:
        exists = path.exists()
        is_folder = path.is_dir()
    except OSError as exc:  # too long a name, or a folder above that may not be searched
        raise SourceError(f"{one_line(name)} cannot be read: {exc.strerror or exc}") from exc
    if is_folder:
        return files.Folder(path)
    if not exists:
        raise SourceError(
            f"no source {redact(name)!r}; pass an image, a folder, a video, a camera (0, /dev/video0, rtsp://…), "
            "camera, picamera, synthetic, or - for standard input"
        )
    suffix = path.suffix.lower()
    # By the suffix alone: who names a hidden file wants it.
    if suffix == ".gif" and files.moves(path):
        return video.Video(path)
    if suffix in IMAGE_SUFFIXES:
        return files.Image(path)
    # Only known suffixes: FFmpeg would show a text file as a film of its letters.
    if suffix in video.VIDEO_SUFFIXES:
        return video.Video(path)
    if suffix in UNREADABLE_SUFFIXES:
        raise SourceError(f"{path} is a HEIC picture, which is not read; convert it to JPEG")
    images = " ".join(sorted(IMAGE_SUFFIXES))
    videos = " ".join(sorted(video.VIDEO_SUFFIXES))
    raise SourceError(f"{path} ends in {suffix!r}; images end in {images}, videos in {videos}")
