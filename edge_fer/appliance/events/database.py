"""SQLite, as the events need it: how a database is opened, whether it is ours, and what its errors mean."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from edge_fer.appliance.events.schema import APPLICATION_ID, FORMAT
from edge_fer.errors import BadInput, SinkError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_S: Final = 5.0
"""How long somebody else who writes is waited for."""
DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
REMEDIES: Final = {
    sqlite3.SQLITE_FULL: "make room: events are kept again as soon as there is some",
    sqlite3.SQLITE_IOERR: "is the disk full, or the card worn out?",
    sqlite3.SQLITE_READONLY: "check the permissions of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "check the path and its permissions",
    sqlite3.SQLITE_BUSY: "another program writes to it; end that one",
    sqlite3.SQLITE_LOCKED: "another program writes to it; end that one",
}
"""What helps, by SQLite's primary code (sqlite.org/rescode.html)."""


class Damaged(Exception):
    """A database cannot be read any more. Its words are SQLite's."""


def code(exc: sqlite3.Error) -> int:
    """Return SQLite's primary code of *exc*; its generic one where the error is of Python's own."""
    return getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


@contextlib.contextmanager
def errors_of(path: Path, verb: str) -> Iterator[None]:
    """Turn SQLite's errors into `Damaged`, or `SinkError` that says that *path* cannot be *verb*: "written"."""
    try:
        yield
    except sqlite3.Error as exc:
        number = code(exc)
        if number in DAMAGE:
            raise Damaged(one_line(exc)) from exc
        remedy = REMEDIES.get(number, "is another program at work on it?")
        raise SinkError(f"{path} cannot be {verb}: {one_line(exc)}; {remedy}") from exc


def connect(address: str, timeout_s: float = BUSY_S) -> sqlite3.Connection:
    """Return a connection in which every transaction is begun and committed by hand. *address* is a path or URI."""
    connection = sqlite3.connect(
        address, timeout=timeout_s, isolation_level=None, check_same_thread=False, uri=address.startswith("file:")
    )
    connection.text_factory = _text
    # What is in the file is data, never code.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the format of the database, 0 if it is empty. Raises `BadInput` if it is not ours, or too new for us."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application not in {0, APPLICATION_ID} or (application == 0 and tables > 0):
        raise BadInput(f"{path} is a database of another program; choose another path for the events")
    if number > FORMAT:
        raise BadInput(
            f"{path} was written by a newer edge-fer (format {number}); this one reads up to {FORMAT}: update edge-fer"
        )
    if number < 0 or (number > 0) != _has_table(connection):
        raise Damaged(f"it has format {number} and {tables} tables")
    return int(number)


def _has_table(connection: sqlite3.Connection) -> bool:
    return scalar(connection, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'event'") > 0


def scalar(connection: sqlite3.Connection, query: str) -> int:
    """Return the only number that *query* finds."""
    return int(connection.execute(query).fetchone()[0])


def refused(path: Path, exc: Exception) -> BadInput:
    """Return the error for people who want to read a damaged database."""
    return BadInput(
        f"{path} is damaged: {one_line(exc)}; the appliance moves it aside when it starts, and begins a new one"
    )


def _text(content: bytes) -> str:
    return content.decode(errors="replace")
