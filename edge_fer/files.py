"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEM: Final = 40
"""Number of characters of a file's name that stand in the name of its temporary file."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside *path* to write to, which replaces *path* at the end.

    It has the suffix of *path*, by which some writers choose their format. Missing folders are created. A file that is
    replaced keeps its permissions, and a link stays a link to the file. If writing fails, *path* stays as it was and
    the temporary file is removed. A device or a pipe cannot be replaced: its own path is yielded. Raises `OSError`.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    target = path.resolve() if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    # With the process's number, so that two processes do not write into each other's file. Only the beginning of the
    # name, because a file system takes 255 bytes at most.
    beside = target.with_name(f".{target.stem[:STEM]}.part-{os.getpid()}{target.suffix}")
    try:
        yield beside
        if target.is_file():
            shutil.copymode(target, beside)
        beside.replace(target)
    # BaseException, since Ctrl-C must not leave a file behind either.
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write(path: Path, content: bytes | str) -> None:
    """Write *content* to *path*, text as UTF-8, completely or not at all (see `replacing`). Raises `OSError`."""
    with replacing(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
