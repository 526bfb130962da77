"""Reads events while the appliance writes them, or after it was ended in any way, without changing anything."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from edge_fer import files
from edge_fer.appliance.events import database, schema
from edge_fer.appliance.events.database import Damaged
from edge_fer.appliance.events.schema import Wanted
from edge_fer.errors import BadInput, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from edge_fer.appliance.event import Event

T = TypeVar("T")

TRIES: Final = 40
"""How often reading is begun again while the database changes under it."""
PAUSE_S: Final = 0.05
NO_SHARING: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})
"""What SQLite says where it may read a database, but not take part in its log."""


class Reader:
    """Reads the database at *path*. May be used from any thread.

    Each call opens the database for itself: the appliance may end meanwhile, or begin a new database. Nothing is
    written beside it: files of another user would keep the appliance from its own database.
    """

    def __init__(self, path: Path) -> None:
        self._path = files.without_links(path)
        self._log = self._path.with_name(self._path.name + "-wal")
        self._shared = self._path.with_name(self._path.name + "-shm")
        self._was_there = False

    def since(self, after: int | datetime | None, limit: int | None = None) -> Iterator[tuple[int, Event]]:
        """Yield up to *limit* events with their ids, the oldest first: after an id, or from a time on; None: all.

        Raises `BadInput` if there is no database, or none that can be read.
        """
        return schema.in_chunks(self.select, schema.wanted_from(after), limit)

    def select(self, wanted: Wanted, limit: int) -> list[tuple[int, Event]]:
        """Return the first *limit* of the *wanted* events in the order of their ids. Raises `BadInput`."""
        return self._answer(lambda connection: schema.select(connection, wanted, limit), [])

    def newest(self, wanted: Wanted, limit: int) -> Wanted:
        """Return the wish for only the newest *limit* of the *wanted* events. Raises `BadInput`."""
        return self._answer(lambda connection: schema.newest(connection, wanted, limit), wanted)

    def newest_id(self) -> int:
        """Return the id of the newest event, 0 if there is none. Raises `BadInput`."""
        return self._answer(lambda connection: database.scalar(connection, "SELECT ifnull(max(id), 0) FROM event"), 0)

    def listed(self, after: int | None, limit: int) -> list[dict[str, Any]]:
        """Return up to *limit* events after id *after* as dicts with their ``id``, the oldest first.

        None stands for the newest ones; so does an id that no event has yet, since the database was begun anew.
        Raises `BadInput`.
        """
        is_known = after is not None and after <= self.newest_id()
        wanted = schema.wanted_from(after) if is_known else self.newest(Wanted(), limit)
        return [{"id": number, **event.as_dict()} for number, event in self.select(wanted, limit)]

    def _answer(self, ask: Callable[[sqlite3.Connection], T], empty: T) -> T:
        """Return what *ask* finds; *empty* for a database that has just been made. Raises `BadInput`."""
        for _ in range(TRIES):
            if self._path.is_file():
                answers = self._try(ask, empty)
                if answers:
                    self._was_there = True
                    return answers[0]
            elif not self._was_there:
                raise BadInput(f"there are no events at {self._path}; edge-fer kiosk keeps them; pass another path")
            time.sleep(PAUSE_S)
        raise BadInput(f"{self._path} changes too quickly to be read, or was removed; try again")

    def _try(self, ask: Callable[[sqlite3.Connection], T], empty: T) -> list[T]:
        """Return the answer as the only item; none if the database changed meanwhile, so that it has to be asked again.

        Raises `BadInput`.
        """
        before = self._fingerprint()

        def asked(address: str) -> T:
            with closing(database.connect(address)) as connection:
                return ask(connection) if database.version(connection, self._path) > 0 else empty

        try:
            answer, is_certain = self._in_some_way(asked)
        except (sqlite3.Error, Damaged, OSError) as exc:
            # A log that came or went meanwhile explains any error.
            if self._fingerprint() != before:
                return []
            raise self._refused(exc) from exc
        return [answer] if is_certain or self._fingerprint() == before else []

    def _in_some_way(self, asked: Callable[[str], T]) -> tuple[T, bool]:
        """Return the answer of the database, opened as its state allows, and whether it is right whoever writes.

        Raises `sqlite3.Error`, `Damaged` or `OSError`.
        """
        address = f"file:{quote(str(self._path))}"
        if self._fingerprint()[0] == 0:
            # Nobody writes, so the file alone is read. If SQLite made a log for us, it would be in the writer's way.
            return asked(f"{address}?immutable=1"), False
        if self._shared.exists():
            try:
                return asked(f"{address}?mode=ro"), True
            except sqlite3.Error as exc:
                if database.code(exc) not in NO_SHARING:
                    raise
        # The log is needed, but nothing may be written here: a disk that is mounted read-only after a power cut.
        with tempfile.TemporaryDirectory(prefix="edge-fer-") as folder:
            copy = Path(folder, "events.db")
            shutil.copyfile(self._path, copy)
            shutil.copyfile(self._log, copy.with_name(f"{copy.name}-wal"))
            return asked(str(copy)), False

    def _fingerprint(self) -> tuple[int, ...]:
        """Return what differs once the database has changed; first of all, the length of its log in bytes."""
        log_bytes, *log = _facts(self._log)
        return log_bytes, *log, *_facts(self._path)

    def _refused(self, exc: sqlite3.Error | Damaged | OSError) -> BadInput:
        damaged = isinstance(exc, Damaged) or (isinstance(exc, sqlite3.Error) and database.code(exc) in database.DAMAGE)
        if damaged:
            return database.refused(self._path, exc)
        return BadInput(f"{self._path} cannot be read: {reason(exc)}; check its permissions, and those of its folder")


def _facts(path: Path) -> tuple[int, int, int]:
    """Return the length, the time of the last change and the number of a file; zeros if it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0, 0
    return facts.st_size, facts.st_mtime_ns, facts.st_ino
