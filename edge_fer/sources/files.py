"""Frames from image files: an image, a folder of images."""

from __future__ import annotations

import logging
from pathlib import PurePath
from typing import TYPE_CHECKING

from edge_fer.errors import SourceError
from edge_fer.images import IMAGE_SUFFIXES, PassedOver, decode_frame, read_file
from edge_fer.sources import Frame, SourceBase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_fer.images import Picture

log = logging.getLogger(__name__)


def read_image(path: Path) -> Picture:
    """Return the image file *path* as a BGR frame, reduced if it is very large.

    Raises `SourceError` if it cannot be read.
    """
    try:
        return decode_frame(read_file(path))
    except OSError as exc:
        raise SourceError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except ValueError as exc:
        raise SourceError(f"{path} {exc}") from exc


def _frame(path: Path, index: int) -> Frame:
    picture = read_image(path)
    # Stills have no time of their own; they count as a second apart.
    return Frame(picture.pixels, float(index), index, path.name, reduced=picture.reduced)


class Image(SourceBase):
    """One image."""

    stills = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def frames(self) -> Iterator[Frame]:
        """Yield the image. Raises `SourceError` if it cannot be read."""
        yield _frame(self._path, 0)


class Folder(SourceBase):
    """The images directly in a folder, sorted by name. Other files are passed over, unreadable images skipped."""

    stills = True

    def __init__(self, folder: Path) -> None:
        try:
            entries = sorted(entry for entry in folder.iterdir() if not _is_folder(entry))
        except OSError as exc:
            raise SourceError(f"{folder} cannot be read: {exc.strerror or exc}") from exc
        passed_over = PassedOver()
        self._paths = [entry for entry in entries if passed_over.is_image(PurePath(entry.name))]
        if not self._paths:
            suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
            found = str(passed_over) if passed_over else "no files"
            raise SourceError(
                f"{folder} itself holds no images ({found}), and folders in it are not read; images end in {suffixes}"
            )
        if passed_over:
            log.warning("%s", passed_over)

    def frames(self) -> Iterator[Frame]:
        """Yield the readable images. Raises `SourceError` if there is not a single one."""
        for index, path in enumerate(self._paths):
            try:
                frame = _frame(path, index)
            except SourceError as exc:
                self.skipped += 1
                log.warning("skipped: %s", exc)
                continue
            yield frame
            del frame  # before the next one is decoded: two of the largest would not fit into 512 MB
        if self.skipped == len(self._paths):
            raise SourceError(f"none of the {self.skipped} images could be read; see the lines above")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # reading it will say what is wrong
        return False
