"""Regular files: opened without waiting, and written completely or not at all, even at a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from edge_fer.errors import BadInput, SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator

STEM: Final = 40
"""Number of characters of a file's name that stand in the name of its temporary file."""
LONGEST_SUFFIX: Final = 16
"""Suffixes with more characters are parts of a name and stand for no format."""
CANNOT_BE_SYNCED: Final = frozenset({errno.EINVAL, errno.ENOTSUP})
KINDS: Final = {
    stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}  # fmt: skip
"""What a path can be besides a file, in words."""


def open_regular(path: Path) -> BinaryIO:
    """Open *path* for reading, at once, if it is a regular file. Raises `OSError` for anything else."""
    # Opening a pipe to which nobody writes would wait for ever without O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    kind = KINDS.get(stat.S_IFMT(mode), "special file")
    raise OSError(errno.EINVAL, f"it is a {kind}, not a file", str(path))


def refuse_existing(path: Path, remedy: str) -> None:
    """Raise `BadInput` with *remedy* if a file or folder is at *path*: asked before the work that would replace it."""
    if path.is_file() or path.is_dir():
        raise BadInput(f"{path} exists; {remedy}, or --force to replace it")


def unused(wanted: Path) -> Path:
    """Return *wanted*, or where that name is taken the first free one of ``name-2``, ``name-3`` and so on."""
    path = wanted
    for number in count(2):
        if not os.path.lexists(path):
            break
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path


def without_links(path: Path) -> Path:
    """Return the absolute path that *path* stands for. Links that lead round in a circle stay: opening them fails.

    `Path.resolve` raises an error of its own for them before Python 3.13.
    """
    return Path(os.path.realpath(path))


def refuse_unwritable(path: Path, remedy: str) -> None:
    """Raise `BadInput` with *remedy* if no file can be written to *path*: asked before the work that makes it.

    Raises `SinkError` for a link to a file that is not there.
    """
    if path.is_symlink() and not path.exists():
        raise SinkError(f"{path} is a link to a file that is not there; remove the link, or {remedy}")
    if path.is_dir():
        raise BadInput(f"{path} is a folder; {remedy}")
    # Missing folders are made on writing, so the permission that counts is that of the nearest one that exists.
    folder = path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise BadInput(f"{path} cannot be written: {folder} is no folder; {remedy}")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{path} cannot be written: no permission in {folder}; {remedy}")


@contextmanager
def replacing(path: Path, *, keep_mode: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside *path* to write to, which replaces *path* at the end.

    It has the suffix of *path*, by which some writers choose their format, and no other thread or process gets the same
    one. Missing folders are created. A file that is replaced keeps its permissions, unless *keep_mode* is false, and a
    link stays a link to the file; a link to a file that is not there is refused, since it would be written where nobody
    expects it. If writing fails, *path* stays as it was and the temporary file is removed. The file is on the disk
    before it replaces *path*: after a power cut there is the old one or the new one. A device or a pipe cannot be
    replaced: its own path is yielded. Raises `OSError`.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    target = _target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(target)
    try:
        yield beside
        if keep_mode and target.is_file():
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
