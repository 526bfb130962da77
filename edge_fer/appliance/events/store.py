"""The events on the disk: one SQLite database, which a power cut at any moment leaves whole.

SQLite writes each change to a log beside the database (WAL) first, and waits until the log is on the disk
(``synchronous=FULL``; with NORMAL the newest events would be lost at a power cut). A reader never makes it wait.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import stat
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from edge_fer import files
from edge_fer.appliance.event import Event, Kind
from edge_fer.appliance.events import damaged, database, schema
from edge_fer.appliance.events.database import Damaged, scalar
from edge_fer.appliance.events.steady import SteadyClock
from edge_fer.errors import BadInput, SinkError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from edge_fer.appliance.events.schema import Wanted
    from edge_fer.appliance.events.settings import EventSettings

PAGE_BYTES: Final = 4096
MAX_LOG_PAGES: Final = 1000
"""Pages in the log after which SQLite moves them into the database."""
LOG_LIMIT: Final = 8
"""The log may grow to this multiple of its usual size while somebody reads an old state of the database."""
STEP: Final = 200
"""Events that are removed in one transaction."""
STEPS: Final = 50
"""Most transactions of one call of `Store.prune`."""
FREE_PAGES: Final = 256
"""Free pages that the file may hold before it is made smaller, by as many at a time."""
INSERT: Final = "INSERT INTO event (time_ms, kind, subject, before, after, detail) VALUES (?, ?, ?, ?, ?, ?)"
DELETE: Final = "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE {} ORDER BY id LIMIT ?)"

T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """Keeps events. May be used from any thread; one should do all the writing. For readers there is `Reader`.

    Raises `SinkError` if the database cannot be opened, `BadInput` if it is not ours or of a newer format. A damaged
    database is moved aside, and a new one is begun with a `Kind.NOTICE` event that says so.
    """

    def __init__(
        self,
        path: Path,
        settings: EventSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = files.without_links(path)
        self._settings = settings
        self._now = now
        self._clock = SteadyClock(now, monotonic)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._closed = False
        self._notices: list[Event] = []
        self.replaced = 0
        """How many damaged databases were moved aside."""
        max_bytes = settings.max_mb * 1e6
        self._log_pages = int(min(MAX_LOG_PAGES, max_bytes / PAGE_BYTES / 4))
        self._max_pages = int(max_bytes / PAGE_BYTES) - self._log_pages
        # Also keeps the event about a database that was moved aside.
        self._repaired(lambda: self._insert([]))

    def append(self, event: Event) -> int:
        """Keep *event* and return its id, once no power cut can lose it. Raises `SinkError`."""
        return self.append_many([event])[0]

    def append_many(self, events: Iterable[Event]) -> list[int]:
        """Keep all *events*, or none, and return their ids. Raises `SinkError`.

        It writes little more than `append` writes for one of them: who has several should keep them together.
        """
        rows = [schema.row(event) for event in events]
        if not rows:
            return []
        return self._repaired(lambda: self._insert(rows))

    def since(self, after: int | datetime | None, limit: int) -> Iterator[tuple[int, Event]]:
        """Yield up to *limit* events with their ids, the oldest first: after an id, or from a time on; None: all.

        Raises `SinkError`.
        """

        def read(wanted: Wanted, limit: int) -> list[tuple[int, Event]]:
            return self._repaired(lambda: self._read(wanted, limit))

        return schema.in_chunks(read, schema.wanted_from(after), limit)

    def prune(self) -> int:
        """Remove what is too old or too much, in small steps. Return how many events went. Raises `SinkError`.

        Call it every ten minutes or so. Nothing is removed for its age within ten minutes of a start, or of a jump of
        the wall clock: a wrong clock would make all events old. The newest event always stays.
        """
        removed = 0
        for _ in range(STEPS):
            step = self._repaired(self._prune)
            removed += step
            if step == 0:
                break
        return removed

    def close(self) -> None:
        """Close the database. Closing twice is allowed."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _repaired(self, action: Callable[[], T]) -> T:
        """Return what *action* returns; in a new database, where the old one is damaged. Raises `SinkError`."""
        with self._lock:
            try:
                return action()
            except Damaged as exc:
                self._replace(exc)
            try:
                return action()
            except Damaged as exc:
                raise SinkError(f"{self._path} is damaged even when it is new: {exc}; replace the card") from exc

    def _insert(self, rows: Sequence[Sequence[object]]) -> list[int]:
        """Keep *rows* in one transaction. Raises `SinkError` or `Damaged`."""
        with self._errors("written"):
            connection = self._opened()
            self._bound_log(connection)
            notices = [schema.row(notice) for notice in self._notices]
            if not notices and not rows:
                return []
            with _transaction(connection):
                ids = [_id(connection.execute(INSERT, row)) for row in (*notices, *rows)]
                self._remove_surplus(connection)
            self._notices.clear()
            return ids[len(notices) :]

    def _read(self, wanted: Wanted, limit: int) -> list[tuple[int, Event]]:
        with self._errors("read"):
            return schema.select(self._opened(), wanted, limit)

    def _remove_surplus(self, connection: sqlite3.Connection) -> int:
        """Remove some of the oldest events if the database is too large. Return how many."""
        used = scalar(connection, "PRAGMA page_count") - scalar(connection, "PRAGMA freelist_count")
        if used <= self._max_pages:
            return 0
        return _delete(connection, "id < (SELECT max(id) FROM event)")

    def _prune(self) -> int:
        with self._errors("written"):
            connection = self._opened()
            self._bound_log(connection)
            with _transaction(connection):
                removed = self._remove_surplus(connection) or self._remove_old(connection)
            if scalar(connection, "PRAGMA freelist_count") > FREE_PAGES:
                # As a script, since `execute` takes its first step only, and frees one page.
                connection.executescript(f"PRAGMA incremental_vacuum({FREE_PAGES})")
            return removed

    def _remove_old(self, connection: sqlite3.Connection) -> int:
        """Remove some of the events that are too old, or from a future that only a wrong clock knows."""
        if not self._clock.is_steady():
            return 0
        now = self._now()
        keep = timedelta(days=self._settings.keep_days)
        bounds = schema.milliseconds(now - keep), schema.milliseconds(now + keep)
        return _delete(connection, "id < (SELECT max(id) FROM event) AND (time_ms < ? OR time_ms > ?)", *bounds)

    def _bound_log(self, connection: sqlite3.Connection) -> None:
        """Raise `SinkError` if the log is too long: a reader who never ends would let it fill the disk."""
        limit = LOG_LIMIT * self._log_pages * PAGE_BYTES
        path = self._path.with_name(self._path.name + "-wal")
        if not path.exists() or path.stat().st_size <= limit:
            return
        connection.execute("PRAGMA busy_timeout = 100")  # not for each event
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute(f"PRAGMA busy_timeout = {database.BUSY_S * 1000:.0f}")
        if busy:
            raise SinkError(
                f"{path} has grown beyond {limit / 1e6:.0f} MB, since a program has been reading {self._path} "
                "all the time; end that program"
            )

    def _opened(self) -> sqlite3.Connection:
        """Return the connection, a new one where there is none, or where somebody has removed the file."""
        if self._closed:
            raise SinkError(f"{self._path} is closed; nothing can be kept any more")
        if self._connection is not None and not self._is_same_file():
            log.warning("%s was removed or replaced; a new database is begun", self._path)
            self._disconnect()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        """Open or create the database. Raises `SinkError`, `BadInput` or `Damaged`."""
        self._create()
        with database.errors_of(self._path, "opened"), contextlib.ExitStack() as undo:
            connection = database.connect(str(self._path))
            undo.callback(connection.close)
            # Before anything is changed.
            number = database.version(connection, self._path)
            self._prepare(connection)
            inode = self._path.stat().st_ino
            if inode != self._inode:  # not again and again while the disk is full
                _check(connection)
            for step in range(number, schema.FORMAT):
                _migrate(connection, step)
            self._inode = inode
            undo.pop_all()
        return connection

    def _create(self) -> None:
        """Create an empty file that others cannot read, if there is none. Raises `SinkError` or `BadInput`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o640)
            try:
                is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            finally:
                os.close(descriptor)
        except OSError as exc:
            reason = exc.strerror or exc
            raise SinkError(f"{self._path} cannot be opened: {reason}; check the path and its permissions") from exc
        if not is_file:
            raise BadInput(f"{self._path} is no file; choose another path for the events")
        files.sync(self._path.parent)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # Of a database that has tables, the first two stay as they are.
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise SinkError(f"{self._path} is on a file system that cannot share memory; choose one on a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {self._log_pages}")
        connection.execute(f"PRAGMA journal_size_limit = {2 * self._log_pages * PAGE_BYTES}")
        # What was removed is overwritten where that costs no writing.
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute("PRAGMA cell_size_check = ON")

    def _replace(self, exc: Damaged) -> None:
        """Move the database aside: the next action begins a new one with an event that says so. Raises `SinkError`."""
        self._disconnect()
        now = self._now()
        moved = damaged.move_aside(self._path, now, self._settings.keep_damaged)
        self.replaced += 1
        kept = f"is kept as {moved.name}" if moved is not None else "was removed"
        log.error("%s is damaged (%s): it %s, and a new one is begun", self._path, exc, kept)
        detail = {"reason": str(exc), "kept_as": None if moved is None else moved.name}
        self._notices.append(Event(now, Kind.NOTICE, "events", "damaged", "begun anew", detail))

    def _is_same_file(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    @contextlib.contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        """Translate errors. After one of the disk, the next call opens the database again, which repairs it."""
        try:
            with database.errors_of(self._path, verb):
                yield
        except (SinkError, BadInput, Damaged):
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        connection = self._connection
        self._connection = None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has done so already after some errors.
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _id(cursor: sqlite3.Cursor) -> int:
    if cursor.lastrowid is None:
        raise AssertionError
    return cursor.lastrowid


def _delete(connection: sqlite3.Connection, condition: str, *values: object) -> int:
    return connection.execute(DELETE.format(condition), (*values, STEP)).rowcount


def _check(connection: sqlite3.Connection) -> None:
    """Raise `Damaged` unless the whole database can be read."""
    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise Damaged(one_line(answer))


def _migrate(connection: sqlite3.Connection, step: int) -> None:
    """Bring the database from format *step* to the next one; a power cut leaves it in one of both."""
    with _transaction(connection):
        connection.execute(schema.MIGRATIONS[step])
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {step + 1}")
