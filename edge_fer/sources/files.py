"""Frames from files: an image, a folder of images, a video."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_fer.errors import SourceError
from edge_fer.sources import Frame, SourceBase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

VIDEO_SUFFIXES = frozenset(
    {".avi", ".flv", ".h264", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
)

log = logging.getLogger(__name__)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read *path* as BGR ``(height, width, 3)`` uint8. Raises `SourceError` for what is no readable image."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as exc:
        raise SourceError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    if content.size == 0:
        raise SourceError(f"{path} is empty (0 bytes); copy it again")
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error as exc:  # more than 2^30 pixels, for one
        raise SourceError(f"{path} is refused by OpenCV: {exc.err}") from exc
    if image is None:
        raise SourceError(f"{path} ({content.size} bytes) is no image that OpenCV reads; convert it to PNG or JPEG")
    return np.asarray(image, np.uint8)


class Image(SourceBase):
    """One image."""

    stills = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def frames(self) -> Iterator[Frame]:
        """Yield the image."""
        yield Frame(read_image(self._path), 0.0, 0, self._path.name)


class Folder(SourceBase):
    """The images of a folder, in the order of their names. Other files are passed over, unreadable images skipped."""

    stills = True

    def __init__(self, folder: Path) -> None:
        try:
            entries = sorted(entry for entry in folder.iterdir() if entry.is_file())
        except OSError as exc:
            raise SourceError(f"{folder} cannot be read: {exc.strerror or exc}") from exc
        self._paths = [entry for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES]
        if not self._paths:
            raise SourceError(
                f"{folder} holds no images among its {len(entries)} files; wanted: {', '.join(sorted(IMAGE_SUFFIXES))}"
            )

    def frames(self) -> Iterator[Frame]:
        """Yield the readable images. Raises `SourceError` when not one of them is."""
        for index, path in enumerate(self._paths):
            try:
                image = read_image(path)
            except SourceError as exc:
                self.skipped += 1
                log.warning("skipped: %s", exc)
                continue
            yield Frame(image, float(index), index, path.name)
        if self.skipped == len(self._paths):
            raise SourceError(f"none of the {self.skipped} images could be read; see the lines above")


class Video(SourceBase):
    """The frames of a video file, in its own time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            size = path.stat().st_size
            raise SourceError(f"{path} ({size} bytes) is no video that OpenCV reads; it may be cut off")

    def frames(self) -> Iterator[Frame]:
        """Yield all frames that can be decoded; a file that ends early is reported."""
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        period_s = 1 / fps if 0 < fps < 1000 else 1 / 30
        promised = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        index = 0
        while True:
            read, image = self._capture.read()
            if not read:
                break
            yield Frame(np.asarray(image, np.uint8), index * period_s, index, self._path.name)
            index += 1
        if index == 0:
            raise SourceError(f"{self._path} holds no frame that can be decoded; it may be cut off")
        if index < promised:
            self.skipped = promised - index
            log.warning("%s ended after %d of %d frames: it is cut off or damaged", self._path, index, promised)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
