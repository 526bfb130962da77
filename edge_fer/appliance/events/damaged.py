"""What becomes of a database that cannot be read: it is moved aside, for somebody who wants to look into it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from edge_fer import files
from edge_fer.errors import SinkError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MARK: Final = "damaged"
COMPANIONS: Final = ("-wal", "-journal", "-shm")
"""Suffixes of the files that SQLite keeps beside a database."""


def move_aside(path: Path, time: datetime, keep: int) -> Path | None:
    """Give the database at *path* a name with *time* in it, and remove all but the newest *keep* of such files.

    Return where it is, None if it was not kept. Raises `SinkError`.
    """
    wanted = path.with_name(f"{path.stem}.{MARK}-{time:%Y%m%dT%H%M%SZ}{path.suffix}")
    target = files.unused(wanted)
    try:
        path.replace(target)
        # After the database: a log that is left alone is nobody's, and SQLite removes it.
        for suffix in COMPANIONS:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(target.with_name(target.name + suffix))
        files.sync(path.parent)
        _thin_out(path, keep)
    except OSError as exc:
        raise SinkError(f"{path} is damaged and cannot be moved aside: {exc.strerror or exc}; remove it") from exc
    return target if target.exists() else None


def moved(path: Path) -> list[Path]:
    """Return the damaged databases that were moved aside from *path*, the oldest first."""
    found = list(path.parent.glob(f"{_escaped(path.stem)}.{MARK}-*{path.suffix}"))
    # By when they were moved, not by the name: the clock may have been wrong.
    return sorted(found, key=lambda each: (each.stat().st_ctime_ns, each.name))


def _thin_out(path: Path, keep: int) -> None:
    found = moved(path)
    for each in found[: max(0, len(found) - keep)]:
        each.unlink()
        for suffix in COMPANIONS:
            each.with_name(each.name + suffix).unlink(missing_ok=True)


def _escaped(stem: str) -> str:
    from glob import escape

    return escape(stem)
