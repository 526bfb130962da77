"""The events on the disk: one SQLite database, which a power cut at any moment leaves whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.events.settings import EventSettings


class Store:
    """Keeps events. One thread writes; `Reader` is for others."""

    def __init__(self, path: Path, settings: EventSettings) -> None:
        raise NotImplementedError

    def append(self, event: Event) -> int:
        """Keep *event* and return its id, once no power cut can lose it. Raises `SinkError`."""
        raise NotImplementedError

    def append_many(self, events: Iterable[Event]) -> list[int]:
        """Keep *events* in one step, which wears a card as much as one event does. Raises `SinkError`."""
        raise NotImplementedError

    def since(self, after: int | datetime | None, limit: int) -> Iterator[tuple[int, Event]]:
        """Yield up to *limit* events, the oldest first, after an id or from a time on; None: from the first."""
        raise NotImplementedError

    def prune(self) -> int:
        """Remove what is too old or too much, in small steps. Return how many events went. Raises `SinkError`."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the database. Closing twice is allowed."""
        raise NotImplementedError


class Reader:
    """Reads a database that another process or thread may be writing. May be used from any thread."""

    def __init__(self, path: Path) -> None:
        raise NotImplementedError

    def since(self, after: int | datetime | None, limit: int) -> Iterator[tuple[int, Event]]:
        """Yield as `Store.since`."""
        raise NotImplementedError

    def listed(self, after: int | None, limit: int) -> list[dict[str, object]]:
        """Return up to *limit* events after id *after* as dicts with their ``id``; None: the newest ones."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the database. Closing twice is allowed."""
        raise NotImplementedError
