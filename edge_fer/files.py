"""Files that are written completely or not at all, and that are there after a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEM: Final = 40
"""Number of characters of a file's name that stand in the name of its temporary file."""
LONGEST_SUFFIX: Final = 16
"""Suffixes with more characters are parts of a name and stand for no format."""
CANNOT_BE_SYNCED: Final = frozenset({errno.EINVAL, errno.ENOTSUP})


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside *path* to write to, which replaces *path* at the end.

    It has the suffix of *path*, by which some writers choose their format, and no other thread or process gets the same
    one. Missing folders are created. A file that is replaced keeps its permissions, and a link stays a link to the
    file; a link to a file that is not there is refused, since it would be written where nobody expects it. If writing
    fails, *path* stays as it was and the temporary file is removed. The file is on the disk before it replaces *path*:
    after a power cut there is the old one or the new one. A device or a pipe cannot be replaced: its own path is
    yielded. Raises `OSError`.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    target = _target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(target)
    try:
        yield beside
        if target.is_file():
            shutil.copymode(target, beside)
        _sync(beside)
        beside.replace(target)
    # BaseException, since Ctrl-C must not leave a file behind either.
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync(target.parent)


def write(path: Path, content: bytes | str) -> None:
    """Write *content* to *path*, text as UTF-8, completely or not at all (see `replacing`). Raises `OSError`."""
    with replacing(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


def check(path: Path) -> None:
    """Raise `OSError` where it can be told already that *path* cannot be written: before work that takes minutes."""
    folder = _target(path).absolute().parent
    while not folder.exists():
        folder = _target(folder).parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def sync(folder: Path) -> None:
    """Wait until the names in *folder* are on the disk, which they reach on their own, after the files."""
    with contextlib.suppress(OSError):  # the file is there anyway
        _sync(folder)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time read and then replace files in *folder*, which is created. Raises `OSError`.

    Where the file system knows no locks, nobody waits.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which also releases the lock


def _target(path: Path) -> Path:
    """Return the file that *path* stands for. Raises `OSError` for a link to nothing."""
    if not path.is_symlink():
        return path
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "it is a link to a file that is not there; remove the link", str(path))
    return path.resolve()


def _beside(target: Path) -> Path:
    # Only the beginning of the name, because a file system takes 255 bytes at most.
    suffix = target.suffix if len(target.suffix) <= LONGEST_SUFFIX else ""
    return target.with_name(f".{target.stem[:STEM]}.part-{os.getpid()}-{secrets.token_hex(4)}{suffix}")


def _sync(path: Path) -> None:
    """Wait until the file or folder *path* is on the disk. Raises `OSError`, for instance of a disk that is full."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        # Some file systems have nothing to wait for.
        if exc.errno not in CANNOT_BE_SYNCED:
            raise
    finally:
        os.close(descriptor)
