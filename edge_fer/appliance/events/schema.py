"""How events stand in the database: its format, the steps that brought it there, and rows to and from events."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.event import Event, Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

APPLICATION_ID: Final = 0x65664576
"""Marks the file as a database of events of edge-fer (``efEv``), for ``file`` and for us."""
MIGRATIONS: Final = (
    # Without an index, which would double what is written for each event: events come in the order of their ids.
    # Without AUTOINCREMENT for the same reason: the newest event is never removed, so no id is given twice.
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        time_ms INTEGER NOT NULL, -- since 1970, UTC
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        before TEXT,
        after TEXT,
        detail TEXT NOT NULL -- JSON
    ) STRICT
    """,
)
"""Step n makes format n + 1 out of format n; format 0 is an empty file."""
FORMAT: Final = len(MIGRATIONS)
COLUMNS: Final = "id, time_ms, kind, subject, before, after, detail"
MAX_TEXT: Final = 500
"""Longest subject or state, in characters."""
MAX_DETAIL: Final = 1 << 14
"""Longest detail, in characters of JSON."""
CHUNK: Final = 500
"""Events that are read at a time: who reads for long keeps the log from being emptied."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Wanted:
    """Which events are read."""

    after: int = 0
    """Id; only later ones."""
    since: datetime | None = None
    """Only from this time on."""
    until: datetime | None = None
    """Only before this time."""
    kinds: tuple[Kind, ...] = ()
    """Only these; empty for all."""


def milliseconds(time: datetime) -> int:
    """Return *time* in milliseconds since 1970. One without a zone is in UTC."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // MILLISECOND


def row(event: Event) -> tuple[int, str, str, str | None, str | None, str]:
    """Return the columns of *event* after its id. Whatever an event holds, it can be kept."""
    return (
        milliseconds(event.time),
        event.kind.value,
        _text(event.subject) or "",
        _text(event.before),
        _text(event.after),
        _detail(event.detail),
    )


def event(columns: Sequence[Any]) -> Event:
    """Return the event of a row with all `COLUMNS`."""
    _, time_ms, kind, subject, before, after, detail = columns
    try:
        return Event(EPOCH + time_ms * MILLISECOND, Kind(kind), subject, before, after, dict(json.loads(detail)))
    # A card may lose a bit. The other events are worth reading.
    except (ValueError, TypeError, OverflowError, RecursionError):
        return Event(EPOCH, Kind.NOTICE, str(subject), before, after, {"damaged": str(detail)[:MAX_TEXT]})


def wanted_from(after: int | datetime | None) -> Wanted:
    """Return the wish for what comes after an id, or from a time on; None stands for all."""
    return Wanted(since=after) if isinstance(after, datetime) else Wanted(after or 0)


def select(connection: sqlite3.Connection, wanted: Wanted, limit: int) -> list[tuple[int, Event]]:
    """Return the first *limit* of the *wanted* events in the order of their ids."""
    conditions, values = _conditions(wanted)
    query = f"SELECT {COLUMNS} FROM event WHERE {conditions} ORDER BY id LIMIT ?"  # noqa: S608 (values are bound)
    rows = connection.execute(query, (*values, limit)).fetchall()
    return [(columns[0], event(columns)) for columns in rows]


def newest(connection: sqlite3.Connection, wanted: Wanted, limit: int) -> Wanted:
    """Return the wish for only the newest *limit* of the *wanted* events."""
    conditions, values = _conditions(wanted)
    query = f"SELECT id FROM event WHERE {conditions} ORDER BY id DESC LIMIT 1 OFFSET ?"  # noqa: S608 (values are bound)
    first = connection.execute(query, (*values, limit - 1)).fetchone()
    return wanted if first is None else replace(wanted, after=first[0] - 1)


def _conditions(wanted: Wanted) -> tuple[str, list[object]]:
    """Return what follows WHERE, and the values to bind."""
    conditions = ["id > ?"]
    values: list[object] = [wanted.after]
    if wanted.since is not None:
        conditions.append("time_ms >= ?")
        values.append(milliseconds(wanted.since))
    if wanted.until is not None:
        conditions.append("time_ms < ?")
        values.append(milliseconds(wanted.until))
    if wanted.kinds:
        conditions.append(f"kind IN ({', '.join('?' * len(wanted.kinds))})")
        values.extend(kind.value for kind in wanted.kinds)
    return " AND ".join(conditions), values


def in_chunks(
    read: Callable[[Wanted, int], list[tuple[int, Event]]], wanted: Wanted, limit: int | None
) -> Iterator[tuple[int, Event]]:
    """Yield up to *limit* of the *wanted* events, all for None, as *read* returns them `CHUNK` at a time."""
    left = limit
    while left is None or left > 0:
        found = read(wanted, CHUNK if left is None else min(left, CHUNK))
        if not found:
            return
        yield from found
        wanted = replace(wanted, after=found[-1][0])
        left = None if left is None else left - len(found)


def _text(value: str | None) -> str | None:
    if value is None:
        return None
    # What is no Unicode, such as names of files may be, cannot be kept.
    return value[:MAX_TEXT].encode(errors="replace").decode()


def _detail(detail: dict[str, Any]) -> str:
    try:
        text = json.dumps(detail, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        text = json.dumps(_plain(detail, 0), separators=(",", ":"))
    if len(text) <= MAX_DETAIL:
        return text
    return json.dumps({"shortened": text[: MAX_DETAIL // 2]})


def _plain(value: Any, depth: int) -> Any:
    """Return *value* as JSON can hold it: numbers that are none as null, anything unknown in words."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if depth < 8 and isinstance(value, dict):
        return {str(key): _plain(each, depth + 1) for key, each in value.items()}
    if depth < 8 and isinstance(value, list | tuple):
        return [_plain(each, depth + 1) for each in value]
    return str(type(value).__name__)
