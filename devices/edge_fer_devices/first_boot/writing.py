"""Writes files so that a power cut leaves the old one or the new one, and erases those that held a secret.

FAT has no journal: a file that is replaced there changes its data, its entry in the folder and the table of clusters,
which reach the card one after the other. What a boot depends on is therefore changed where it lies (see `update`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PART: Final = ".part"


def write(path: Path, content: str, *, mode: int = 0o644) -> None:
    """Write *content* to *path*: complete on the disk before it takes the place of what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + PART)
    with beside.open("w", encoding="utf-8") as file:
        beside.chmod(mode)  # FAT ignores it
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    # On FAT, the entry in the folder reaches the card with the file, not with the folder.
    _sync(path)
    _sync(path.parent)


def update(path: Path, content: str) -> None:
    """Write *content* over that of the file at *path*, filled up with spaces to its size: nothing but its data changes.

    Where it does not fit or there is no file, do as `write` does. *content* is text that ends in a newline and in which
    spaces before that mean nothing.
    """
    new = content.encode()
    size = path.stat().st_size if path.is_file() else 0
    if len(new) > size:
        write(path, content)
        return
    with path.open("r+b") as file:
        file.write(new.rstrip(b"\n").ljust(size - 1) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def erase(path: Path) -> None:
    """Overwrite the content of *path* with zeros where it lies, then remove it.

    The flash memory of a card may still hold the old content in cells that its controller no longer shows.
    """
    if not path.is_file():
        return
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some file systems have nothing to wait for
    finally:
        os.close(descriptor)
