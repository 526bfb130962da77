"""What programs that read and write images are given: names, and folders for a moment."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MEANING: Final = ("@@", "?")
"""What stands in a name for the offset that follows it: to mtools, and to debugfs."""


@contextmanager
def plain(path: Path) -> Iterator[Path]:
    """Yield a path to the file at *path* in which no program sees an option or an offset."""
    absolute = path.absolute()  # no name begins with a hyphen then
    if not any(mark in str(absolute) for mark in MEANING):
        yield absolute
        return
    with tempfile.TemporaryDirectory(prefix="edge-fer-name-") as folder:
        link = Path(folder) / "image"
        link.symlink_to(absolute)
        yield link


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a new folder that only this account may read, and that goes at the end, also when Ctrl-C comes then.

    It may hold keys and hashes.
    """
    # Whatever interrupts the removal of the inner folder, the outer one is still removed.
    with (
        tempfile.TemporaryDirectory(prefix="edge-fer-card-") as outer,
        tempfile.TemporaryDirectory(dir=outer) as inner,
    ):
        yield Path(inner)
