"""Which files are pictures, by their names alone, and what else lies in a folder of pictures."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePath

IMAGE_SUFFIXES: Final = frozenset(
    {
        ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
        ".tif", ".tiff", ".webp",
    }
)  # fmt: skip
"""Suffixes of the image files that are read, in lower case. The OpenCV wheels decode all of them."""
UNREADABLE_SUFFIXES: Final = frozenset({".heic", ".heif", ".hif"})
"""Suffixes of pictures that OpenCV does not decode."""
SYSTEM_NAMES: Final = frozenset({"$RECYCLE.BIN", "@eaDir", "System Volume Information", "Thumbs.db", "lost+found"})
"""Folders and files that Windows, Linux and network storage put among pictures."""
SHOWN_SUFFIXES: Final = 5
"""How many suffixes of files that are no pictures a message names."""

Kind = Literal["fork", "hidden", "system", "unreadable", "other"]
MESSAGES: Final[dict[Kind, tuple[str, str]]] = {
    "fork": ("resource fork (__MACOSX, ._)", "resource forks (__MACOSX, ._)"),
    "hidden": ("hidden file", "hidden files"),
    "system": ("file of the system", "files of the system"),
    "unreadable": ("HEIC picture (convert it to JPEG)", "HEIC pictures (convert them to JPEG)"),
    "other": ("file that is no picture", "files that are no pictures"),
}
"""What each kind of file is called, one and several, in the order in which messages name them."""

log = logging.getLogger(__name__)


def is_image(name: PurePath) -> bool:
    """Return whether *name*, a path within a folder or zip, is that of a picture. The file is not opened.

    What lies below a hidden folder or is itself hidden, a resource fork of macOS, or a thumbnail that a system keeps,
    is no picture.
    """
    return _kind(name) is None


def _kind(name: PurePath) -> Kind | None:
    """Return which kind of file *name* is that is no picture; None for a picture."""
    if name.name.startswith("._") or "__MACOSX" in name.parts:
        return "fork"
    if any(part.startswith(".") and part != ".." for part in name.parts):
        return "hidden"
    if not SYSTEM_NAMES.isdisjoint(name.parts):
        return "system"
    suffix = name.suffix.lower()
    if suffix in UNREADABLE_SUFFIXES:
        return "unreadable"
    return None if suffix in IMAGE_SUFFIXES else "other"


class PassedOver:
    """Counts what lies in a folder or zip beside the pictures. As text it is one line; it is false if there is none."""

    def __init__(self) -> None:
        self._counts: Counter[Kind] = Counter()
        self._suffixes: set[str] = set()

    def is_image(self, name: PurePath) -> bool:
        """Return whether *name* is that of a picture, and count it if not."""
        kind = _kind(name)
        if kind is None:
            return True
        self._counts[kind] += 1
        if kind == "other":
            self._suffixes.add(name.suffix.lower() or "no suffix")
        return False

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __str__(self) -> str:
        parts = []
        for kind, (one, several) in MESSAGES.items():
            count = self._counts[kind]
            if count:
                parts.append(f"{count} {one if count == 1 else several}")
        # The last kind, if there is one of it.
        suffixes = f" ({self._named_suffixes()})" if self._counts["other"] else ""
        return f"passed over: {', '.join(parts)}{suffixes}"

    def _named_suffixes(self) -> str:
        suffixes = sorted(self._suffixes)
        more = ["…"] if len(suffixes) > SHOWN_SUFFIXES else []
        return ", ".join(suffixes[:SHOWN_SUFFIXES] + more)


def walk(folder: Path) -> Iterator[PurePosixPath]:
    """Yield the path within *folder* of everything below it that is no folder, in no order.

    Links to folders are followed, but no folder is visited twice, and a link upwards not at all. A folder that cannot
    be read is passed over with a warning. Raises `OSError` if *folder* itself cannot be read.
    """
    visited = {_identity(parent) for parent in (folder.resolve(), *folder.resolve().parents)}
    yield from _entries(folder, PurePosixPath(), visited)


def _entries(top: Path, below: PurePosixPath, visited: set[tuple[int, int]]) -> Iterator[PurePosixPath]:
    """Yield what is in the folder *below* of *top*. First its real folders, then linked ones: a link is the copy."""
    links: list[PurePosixPath] = []
    folders = [below]
    while folders or links:
        here = folders.pop() if folders else links.pop(0)
        if here != below and not _is_new(top / here, visited):
            continue
        try:
            entries = sorted(os.scandir(top / here), key=lambda entry: entry.name, reverse=True)
        except OSError as exc:
            if here == PurePosixPath():
                raise
            log.warning("skipped: the folder %s cannot be read: %s", top / here, exc.strerror or exc)
            continue
        for entry in entries:
            name = here / entry.name
            if not _is_folder(entry):
                yield name
            elif entry.is_symlink():
                links.append(name)
            else:
                folders.append(name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle: reading it will say so
        return False


def _is_new(folder: Path, visited: set[tuple[int, int]]) -> bool:
    try:
        identity = _identity(folder)
    except OSError:
        return True  # reading it will say what is wrong
    if identity in visited:
        return False
    visited.add(identity)
    return True


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
