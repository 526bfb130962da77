"""A queue that never blocks who puts something in: when it is full, the oldest goes, and is counted."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class LossyQueue(Generic[T]):
    """Holds up to *most* things. May be used from any thread; one of them takes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._things: deque[T] = deque()
        self._dropped = 0
        self._ended = False

    def put(self, thing: T) -> bool:
        """Add *thing*. Return whether the oldest one had to go."""
        with self._changed:
            self._things.append(thing)
            full = len(self._things) > self._most
            if full:
                self._things.popleft()
                self._dropped += 1
            self._changed.notify()
            return full

    def heads(self, most: int, timeout_s: float) -> list[T]:
        """Return up to *most* of the oldest things, which stay; none if there is none within *timeout_s*."""
        with self._changed:
            self._changed.wait_for(lambda: self._things or self._ended, timeout_s)
            return list(islice(self._things, most))

    def done(self, things: Sequence[T]) -> None:
        """Remove *things*, which `heads` returned, but for those that had to go meanwhile."""
        with self._changed:
            for thing in things:
                if self._things and self._things[0] is thing:
                    self._things.popleft()

    def end(self) -> None:
        """Let `heads` wait no more, since the service ends. What is in the queue stays."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def dropped(self) -> int:
        """How many had to go so far."""
        with self._changed:
            return self._dropped

    def __len__(self) -> int:
        with self._changed:
            return len(self._things)
