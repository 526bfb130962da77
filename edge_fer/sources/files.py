"""Frames from image files: an image, several, a folder of images."""

from __future__ import annotations

import logging
from pathlib import PurePath
from typing import TYPE_CHECKING

from edge_fer.errors import SourceError
from edge_fer.images import IMAGE_SUFFIXES, PassedOver, decode_frame, is_animation, read_file, walk
from edge_fer.sources import Frame, SourceBase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


def _frame(path: Path, index: int, name: str) -> Frame:
    picture = read_image(path)
    # Stills have no time of their own; they count as a second apart.
    return Frame(picture.pixels, float(index), index, name, reduced=picture.reduced)


def moves(path: Path) -> bool:
    """Return whether the GIF at *path* is an animation; False for one that cannot be read."""
    try:
        return is_animation(read_file(path))
    except (OSError, ValueError):  # opening it will say what is wrong
        return False


class Image(SourceBase):
    """One image."""

    stills = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def frames(self) -> Iterator[Frame]:
        """Yield the image. Raises `SourceError` if it cannot be read."""
        yield _frame(self._path, 0, self._path.name)


class Pictures(SourceBase):
    """Images, one after the other. Those that cannot be read are skipped."""

    stills = True

    def __init__(self, pictures: Sequence[tuple[Path, str]]) -> None:
        self._pictures = pictures
        """The path of each, and what its frame is called."""

    def frames(self) -> Iterator[Frame]:
        """Yield the readable images. Raises `SourceError` if there is not a single one."""
        for index, (path, name) in enumerate(self._pictures):
            try:
                frame = _frame(path, index, name)
            except SourceError as exc:
                self.skipped += 1
                log.warning("skipped: %s", exc)
                continue
            yield frame
            del frame  # before the next one is decoded: two of the largest would not fit into 512 MB
        if self.skipped == len(self._pictures):
            which = "the only image cannot" if self.skipped == 1 else f"none of the {self.skipped} images can"
            raise SourceError(f"{which} be read; see above")


class Folder(Pictures):
    """The images of a folder, sorted by name: directly in it, with *recursive* also in folders below it.

    Other files are passed over. Raises `SourceError` for a folder that cannot be read or holds no image.
    """

    def __init__(self, folder: Path, *, recursive: bool = False) -> None:
        super().__init__(pictures_in(folder, recursive=recursive))


def pictures_in(folder: Path, *, recursive: bool = False) -> list[tuple[Path, str]]:
    """Return the path of each image of *folder*, and its path within it, sorted. Says what it passes over.

    Raises `SourceError` for a folder that cannot be read or holds no image.
    """
    passed_over = PassedOver()
    try:
        names = sorted(name for name in _files_in(folder, recursive=recursive) if passed_over.is_image(name))
    except OSError as exc:
        raise SourceError(f"{folder} cannot be read: {exc.strerror or exc}") from exc
    if not names:
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        found = str(passed_over) if passed_over else "no files"
        where = "" if recursive else " itself"
        more = "" if recursive else "; --recursive also reads the folders in it"
        raise SourceError(f"{folder}{where} holds no images ({found}); images end in {suffixes}{more}")
    if passed_over:
        log.warning("%s", passed_over)
    return [(folder / name, str(name)) for name in names]


def _files_in(folder: Path, *, recursive: bool) -> Iterator[PurePath]:
    if recursive:
        yield from walk(folder)
        return
    for entry in folder.iterdir():
        if not _is_folder(entry):
            yield PurePath(entry.name)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # reading it will say what is wrong
        return False
