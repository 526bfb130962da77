"""Reads files whose names say that they are pictures, and which may be anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from edge_fer.files import open_regular

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES: Final = 256 * 2**20
"""Size of the largest file that is read. A JPEG of 200 megapixels takes 40 to 100 MB."""


def check_size(size: int) -> None:
    """Raise `ValueError`, as the end of a sentence, when *size* in bytes is above `MAX_FILE_BYTES`."""
    if size > MAX_FILE_BYTES:
        raise ValueError(f"has {size / 2**20:.0f} MB; at most {MAX_FILE_BYTES // 2**20} are read: scale it down")


def read_file(path: Path) -> bytes:
    """Return the content of the regular file *path*.

    Raises `OSError`, also for anything that is no file, and `ValueError` with the reason, as the end of a sentence, for
    more than `MAX_FILE_BYTES`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        check_size(size)
        return file.read(size)  # no more, even if it has grown in the meantime
