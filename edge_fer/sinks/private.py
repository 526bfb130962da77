"""New files that show people: only their owner may read them, and no file or link that exists is written to."""

from __future__ import annotations

import contextlib
import os
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STEM: Final = 200
"""Longest name, in bytes, before its number and suffix. File systems take 255 bytes in all."""
FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make_folder(folder: Path) -> None:
    """Create *folder* and what is missing above it, for its owner alone. Raises `SinkError` if that fails."""
    try:
        _make(folder)
    except OSError as exc:
        raise SinkError(f"{folder} cannot be created: {exc.strerror or exc}; choose another folder") from exc


def _make(folder: Path) -> None:
    # By hand, since mkdir gives the folders above the usual permissions.
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def create(wanted: Path) -> tuple[int, Path]:
    """Create *wanted*, or where that name is taken the first free one of ``name-2``, ``name-3`` and so on.

    Return the file's descriptor and its path. Two processes never get the same file. Raises `SinkError`.
    """
    for path in _names(wanted):
        try:
            return os.open(path, FLAGS, 0o600), path
        except FileExistsError:  # a file or a link, even one that leads nowhere
            continue
        except OSError as exc:
            raise refused(path, exc) from exc
    raise AssertionError  # the names do not end


def write(wanted: Path, content: bytes) -> Path:
    """Write *content*, completely or not at all, to *wanted* or the first free name; return it. Raises `SinkError`."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".edge-fer-", suffix=".part", dir=wanted.parent)
    except OSError as exc:
        raise refused(wanted, exc) from exc
    beside = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor)
            file.write(content)
        return _name(beside, wanted)
    except OSError as exc:
        raise refused(wanted, exc) from exc
    finally:
        beside.unlink(missing_ok=True)


def refused(path: Path, exc: OSError) -> SinkError:
    """Return the error that says why *path* cannot be written."""
    return SinkError(f"{path} cannot be written: {exc.strerror or exc}; free some space, or choose another folder")


def _name(beside: Path, wanted: Path) -> Path:
    """Give the complete file *beside* the name *wanted*, or the first free one."""
    for path in _names(wanted):
        try:
            path.hardlink_to(beside)  # fails where the name is taken, which renaming does not
        except FileExistsError:
            continue
        except OSError:  # the file system, such as that of a memory stick, has no hard links
            break
        return path
    descriptor, path = create(wanted)
    os.close(descriptor)
    try:
        return beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _names(wanted: Path) -> Iterator[Path]:
    stem = os.fsdecode(os.fsencode(wanted.stem)[:MAX_STEM])
    yield wanted.with_name(f"{stem}{wanted.suffix}")
    for number in count(2):
        yield wanted.with_name(f"{stem}-{number}{wanted.suffix}")
