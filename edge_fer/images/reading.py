"""Reads files whose names say that they are pictures, and which may be anything."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES: Final = 256 * 2**20
"""Size of the largest file that is read. A JPEG of 200 megapixels takes 40 to 100 MB."""
KINDS: Final = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def check_size(size: int) -> None:
    """Raise `ValueError`, as the end of a sentence, when *size* in bytes is above `MAX_FILE_BYTES`."""
    if size > MAX_FILE_BYTES:
        raise ValueError(f"has {size / 2**20:.0f} MB; at most {MAX_FILE_BYTES // 2**20} are read: scale it down")


def read_file(path: Path) -> bytes:
    """Return the content of the regular file *path*.

    Raises `OSError`, and `ValueError` with the reason, as the end of a sentence, for anything that is no file and for
    more than `MAX_FILE_BYTES`.
    """
    # A pipe without a writer would block in open() and a device in read(). Opened first and looked at afterwards, so
    # that what is read is what was looked at.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        for is_kind, kind in KINDS:
            if is_kind(status.st_mode):
                raise ValueError(f"is {kind}, not a file; remove it or pass another name")
        check_size(status.st_size)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)  # no more, even if it has grown in the meantime
    finally:
        os.close(descriptor)
