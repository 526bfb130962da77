"""Files that are written whole or not at all."""

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
    """Give a path beside *path* to write to, and rename what was written there to *path* at the end.

    The path given has the suffix of *path*, since some writers choose their format by it. Folders that are missing are
    made. Where writing fails, *path* stays as it was and nothing is left beside it. Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process's own name, so that two processes do not write into each other's file.
    beside = path.with_name(f".{path.stem}.part-{os.getpid()}{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write(path: Path, content: bytes | str) -> None:
    """Write *content*, text as UTF-8, to *path*; see `replacing`. Raises `OSError`."""
    with replacing(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
