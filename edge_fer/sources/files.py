"""Frames from image files: an image, a folder of images."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from edge_fer.errors import SourceError
from edge_fer.images import IMAGE_SUFFIXES, decode_image, is_image
from edge_fer.sources import Frame, SourceBase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return the image file *path* as BGR ``(height, width, 3)`` uint8. Raises `SourceError` if it cannot be read."""
    try:
        return decode_image(path.read_bytes())
    except OSError as exc:
        raise SourceError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except ValueError as exc:
        raise SourceError(f"{path} {exc}") from exc


class Image(SourceBase):
    """One image."""

    stills = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def frames(self) -> Iterator[Frame]:
        """Yield the image. Raises `SourceError` if it cannot be read."""
        yield Frame(read_image(self._path), 0.0, 0, self._path.name)


class Folder(SourceBase):
    """The images directly in a folder, sorted by name. Other files are ignored, unreadable images skipped."""

    stills = True

    def __init__(self, folder: Path) -> None:
        try:
            entries = sorted(entry for entry in folder.iterdir() if entry.is_file())
        except OSError as exc:
            raise SourceError(f"{folder} cannot be read: {exc.strerror or exc}") from exc
        self._paths = list(filter(is_image, entries))
        if not self._paths:
            suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
            raise SourceError(f"{folder} holds no images among its {len(entries)} files; images end in {suffixes}")

    def frames(self) -> Iterator[Frame]:
        """Yield the readable images. Raises `SourceError` if there is not a single one."""
        for index, path in enumerate(self._paths):
            try:
                image = read_image(path)
            except SourceError as exc:
                self.skipped += 1
                log.warning("skipped: %s", exc)
                continue
            # Stills have no time of their own; they count as a second apart.
            yield Frame(image, float(index), index, path.name)
        if self.skipped == len(self._paths):
            raise SourceError(f"none of the {self.skipped} images could be read; see the lines above")
