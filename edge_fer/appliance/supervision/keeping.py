"""Puts events into the store, in a thread. While the disk is full, they wait in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

from edge_fer.appliance.supervision.queues import LossyQueue
from edge_fer.appliance.supervision.restarts import Restarts
from edge_fer.errors import one_line
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.supervision.reporter import Reporter
    from edge_fer.clock import Clock

PRUNE_S: Final = 600.0
"""Time between two removals of what is old."""
LOOK_S: Final = 1.0
"""How often the thread looks whether it is time for one."""
AT_ONCE: Final = 100
"""Events that are kept in one step at most: it wears a card hardly more than one event."""
PART: Final = "store"


class Keeps(Protocol):
    """The part of the store that is used. Raises `SinkError`."""

    def append_many(self, events: Sequence[Event]) -> list[int]:
        """Keep all *events*, or none."""

    def prune(self) -> int:
        """Remove what is old."""

    def close(self) -> None:
        """Close it."""


class Keeper:
    """Appends events to the store that *open_* opens, which may fail as well; up to *most* of them wait."""

    def __init__(self, open_: Callable[[], Keeps], most: int, reporter: Reporter, clock: Clock) -> None:
        self._open = open_
        self._queue: LossyQueue[Event] = LossyQueue(most)
        self._reporter = reporter
        self._clock = clock
        self._restarts = Restarts(clock)
        self._closing = threading.Event()
        self._store: Keeps | None = None
        self._prune_due_s = clock.now()
        self._kept = 0
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, event: Event) -> None:
        """Keep *event*, later. Never blocks."""
        if self._queue.put(event):
            self._reporter.count("events_lost")
            self._reporter.say("store drops", "store: too many events wait for the disk, the oldest are lost")

    def figures(self) -> dict[str, int]:
        """Return how many events wait, were lost, and are kept."""
        return {"queued": len(self._queue), "lost": self._queue.dropped, "kept": self._kept}

    def close(self, within_s: float) -> None:
        """Keep what waits, within *within_s*, and close the store."""
        self._closing.set()
        self._queue.end()
        # Not where the service could not even start.
        if self._thread.ident is not None:
            self._thread.join(within_s)
        left = len(self._queue)
        if left:
            self._reporter.count("events_lost", left)
            self._reporter.say("store ends", f"store: {counted(left, 'event')} could not be kept at the end")

    def _run(self) -> None:
        while True:
            try:
                done = self._work()
            except Exception as exc:  # noqa: BLE001  (whatever the database raises, the next try may succeed)
                self._reporter.fails(PART, one_line(exc))
                self._reporter.count("store_failures")
                if self._clock.wait(self._closing, self._restarts.failed()):
                    break
                continue
            if done:
                break
        if self._store is not None:
            self._store.close()

    def _work(self) -> bool:
        """Keep the next events, if some come soon. Return whether the service ends and nothing waits."""
        if self._store is None:
            self._store = self._open()
        events = self._queue.heads(AT_ONCE, LOOK_S)
        if events:
            self._store.append_many(events)
            self._queue.done(events)
            self._kept += len(events)
            self._restarts.works()
            self._reporter.works(PART)
        elif self._closing.is_set():
            return True
        self._prune_when_due(self._store)
        return False

    def _prune_when_due(self, store: Keeps) -> None:
        if self._clock.now() >= self._prune_due_s:
            self._prune_due_s = self._clock.now() + PRUNE_S
            store.prune()
