"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside *path* to write to, which replaces *path* at the end.

    It has the suffix of *path*, by which some writers choose their format. Missing folders are created. If writing
    fails, *path* stays as it was and the temporary file is removed. Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the process's number, so that two processes do not write into each other's file.
    beside = path.with_name(f".{path.stem}.part-{os.getpid()}{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    # BaseException, since Ctrl-C must not leave a file behind either.
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write(path: Path, content: bytes | str) -> None:
    """Write *content* to *path*, text as UTF-8, completely or not at all (see `replacing`). Raises `OSError`."""
    with replacing(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
