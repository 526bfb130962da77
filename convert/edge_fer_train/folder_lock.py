"""A lock on a folder, so that two processes do not train in it at the same time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from edge_fer.errors import BadInput, SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK: Final = ".lock"
"""The file that is locked; it holds the number of the process."""
UNLOCKABLE: Final = (errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS)
"""Errors of file systems that have no locks: some of those that are mounted over a network."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold *folder*, created where it is missing, for this process alone.

    The system releases the lock when the process ends in any way, so a lock is never stale. Leaving removes the lock
    file, and the folder if it was created here and is still empty. Raises `BadInput` where another process holds the
    folder, and `SinkError` where it cannot be written.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _locked_file(folder)
    except BlockingIOError as exc:
        raise BadInput(f"{folder} is in use{_by_whom(folder)}; wait until it ends, or pass another --out") from exc
    except OSError as exc:
        raise SinkError(f"{folder} cannot be written: {exc.strerror or exc}; pass another --out") from exc
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / LOCK).unlink()  # before it is released: from then on it may be another process's
        file.close()
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()


def remove_leftovers(folder: Path) -> list[str]:
    """Remove the temporary files that killed processes left in *folder*, which is locked; return their names.

    `edge_fer.files` puts the number of the process into these names.
    """
    removed = []
    for path in sorted(folder.glob(".*.part-*")):
        number = re.search(r"\.part-(\d+)", path.name)
        if number is None or _is_another_process(int(number[1])) or not path.is_file():
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            removed.append(path.name)
    return removed


def _locked_file(folder: Path) -> IO[str]:
    """Return the open lock file of *folder*, locked. Raises `BlockingIOError` where another process has the lock."""
    while True:
        file = open(folder / LOCK, "a", opener=_without_links)  # noqa: SIM115 (open for as long as it is locked)
        try:
            _lock(file)
            if _is_still_there(file, folder / LOCK):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                return file
        except BaseException:
            file.close()
            raise
        # The process that held it has removed it in the meantime: a lock on a removed file locks nobody out.
        file.close()


def _without_links(path: str, flags: int) -> int:
    # A link would let the number of the process overwrite another file.
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _lock(file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in UNLOCKABLE:
            raise


def _is_still_there(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _by_whom(folder: Path) -> str:
    """Return the process that holds *folder*, as far as the lock file tells."""
    try:
        number = (folder / LOCK).read_text()[:10].strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return f" by process {number}" if number.isdigit() else ""


def _is_another_process(process: int) -> bool:
    # In a container the numbers are the same each time, and this process has not written anything here yet.
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
