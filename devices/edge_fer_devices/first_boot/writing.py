"""Writes files so that a power cut leaves the old one or the new one, and erases those that held a secret."""

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
    _sync_folder(path.parent)


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
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some file systems have nothing to wait for
    finally:
        os.close(descriptor)
