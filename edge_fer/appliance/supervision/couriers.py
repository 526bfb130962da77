"""Carries events to the outlets, each in a thread of its own; one that hangs is abandoned, and a new one opened."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.outlets import TellsStatus
from edge_fer.appliance.supervision.queues import LossyQueue
from edge_fer.appliance.supervision.restarts import Restarts
from edge_fer.errors import EdgeFerError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets import Outlet
    from edge_fer.appliance.supervision.reporter import Reporter
    from edge_fer.clock import Clock

MARGIN_S: Final = 2.0
"""By how much an outlet may exceed its own deadline before it counts as hanging."""
STATUS_S: Final = 1.0
"""Time between two reports of the status to an outlet that wants them."""
MAX_ABANDONED: Final = 4
"""Threads that hang in one outlet. With so many, no further one is begun until one of them returns."""


class Courier:
    """Carries events to the outlet that *make* makes; `tick` looks whether it hangs.

    Each event that is not dropped is delivered at least once: one that an abandoned outlet was sending is sent again.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Outlet],
        most: int,
        status: Callable[[], dict[str, Any]],
        reporter: Reporter,
        clock: Clock,
    ) -> None:
        self.name = name
        self.queue: LossyQueue[Event] = LossyQueue(most)
        self.status = status
        self.reporter = reporter
        self.clock = clock
        self.closing = threading.Event()
        self.restarts = Restarts(clock)
        self._make = make
        self._sent = 0
        self._refused = 0
        self._abandoned: list[_Round] = []
        self._round: _Round | None = None
        self._resume_s = clock.now()

    def put(self, event: Event) -> None:
        """Let *event* be carried. Never blocks; the oldest event that waits may go for it, which is counted."""
        if self.queue.put(event):
            self.reporter.count("events_dropped")
            self.reporter.say(f"{self.name} drops", f"{self.name}: too many events wait, the oldest are dropped")

    def tick(self) -> None:
        """Abandon the outlet if it hangs, and begin another one when it is time."""
        self._abandoned = [one for one in self._abandoned if one.thread.is_alive()]
        if self._round is not None and self._round.hangs():
            self._abandon(self._round)
        if self._round is None and self.clock.now() >= self._resume_s and len(self._abandoned) < MAX_ABANDONED:
            self._round = _Round(self, self._make)
            self._round.thread.start()

    def figures(self) -> dict[str, int]:
        """Return how many events wait, were dropped, were given up, and were sent."""
        current = self._round
        sent = self._sent + (0 if current is None else current.sent)
        refused = self._refused + (0 if current is None else current.refused())
        return {
            "queued": len(self.queue),
            "dropped": self.queue.dropped,
            "refused": refused,
            "sent": sent,
            "hanging": len(self._abandoned),
        }

    def waits(self) -> bool:
        """Return whether the outlet works, and has something to send."""
        current = self._round
        return current is not None and current.works and len(self.queue) > 0

    def end(self) -> None:
        """Let the outlet say goodbye, without what still waits."""
        self.closing.set()
        self.queue.end()

    def join(self, within_s: float) -> None:
        """Wait for that, for *within_s* at most."""
        current = self._round
        if current is not None:
            current.thread.join(within_s)

    def _abandon(self, current: _Round) -> None:
        current.abandoned = True
        self._abandoned.append(current)
        self._sent += current.sent
        self._refused += current.refused()
        self._round = None
        self._resume_s = self.clock.now() + self.restarts.failed()
        reason = f"it does not answer within {current.deadline_s:g} s"
        self.reporter.fails(self.name, reason)
        self.reporter.restarted(self.name, reason)


class _Round:
    """One outlet and its thread, from its making until it is abandoned or the service ends."""

    def __init__(self, courier: Courier, make: Callable[[], Outlet]) -> None:
        self._courier = courier
        self._make = make
        self._outlet: Outlet | None = None
        self._busy_since_s: float | None = None
        self._status_due_s = 0.0
        self.deadline_s = 10.0
        self.abandoned = False
        self.works = False
        self.sent = 0
        # A daemon, so that an outlet that hangs cannot keep the service from ending.
        self.thread = threading.Thread(target=self._run, name=f"outlet {courier.name}", daemon=True)

    def hangs(self) -> bool:
        since_s = self._busy_since_s
        return since_s is not None and self._courier.clock.now() - since_s > self.deadline_s + MARGIN_S

    def refused(self) -> int:
        return 0 if self._outlet is None else self._outlet.refused

    def _over(self) -> bool:
        return self.abandoned or self._courier.closing.is_set()

    def _run(self) -> None:
        courier = self._courier
        while not self._over():
            try:
                self._deliver()
            except Exception as exc:  # noqa: BLE001  (whatever a library raises, the others go on)
                self.works = False
                if self._over():
                    break
                words = str(exc) if isinstance(exc, EdgeFerError) else f"{type(exc).__name__}: {one_line(exc)}"
                courier.reporter.fails(courier.name, words)
                courier.reporter.count("outlet_failures")
                self._close()
                courier.clock.wait(courier.closing, courier.restarts.failed())
        self._close()

    def _deliver(self) -> None:
        """Open the outlet, and send what comes until it fails or the service ends. Raises what it raises."""
        courier = self._courier
        if self._outlet is None:
            self._outlet = self._make()
            self.deadline_s = self._outlet.deadline_s
        outlet = self._outlet
        self._timed(outlet.open)
        while not self._over():
            events = courier.queue.heads(1, STATUS_S)
            if self._over():
                return
            for event in events:
                self._timed(partial(outlet.send, event))
            if self.abandoned:
                return
            courier.queue.done(events)
            self.sent += len(events)
            self._tell_status(outlet)
            # Not before: one that takes connections and no events does not work.
            self.works = True
            courier.restarts.works()
            courier.reporter.works(courier.name)

    def _tell_status(self, outlet: Outlet) -> None:
        now = self._courier.clock.now()
        if isinstance(outlet, TellsStatus) and now >= self._status_due_s and not self.abandoned:
            self._status_due_s = now + STATUS_S
            status = self._courier.status()
            self._timed(lambda: outlet.publish_status(status))

    def _timed(self, work: Callable[[], None]) -> None:
        self._busy_since_s = self._courier.clock.now()
        try:
            work()
        finally:
            self._busy_since_s = None

    def _close(self) -> None:
        # One that was abandoned closes when it returns at last; until then its thread hangs in it.
        if self._outlet is not None:
            self._timed(self._outlet.close)
