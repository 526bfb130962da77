"""The newest frame's record, for whoever wants to show it. Who is slow misses some and delays nobody."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Moment:
    """One frame, as the service knows it."""

    record: dict[str, Any]
    """As ``edge-fer run --json`` prints it."""
    size_px: tuple[int, int]
    """Width and height of the frame that the record's boxes refer to."""
    came_s: float
    """When it arrived, on the service's monotonic clock."""
    picture: bytes | None = None
    """The frame as JPEG, perhaps reduced; None while nobody watches, or where pictures are off."""
    driver: dict[str, Any] | None = None
    """What is seen of the driver and raised for him, as the page receives it; None where no driver is monitored."""


class Latest:
    """Holds the newest moment. May be used from any thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._first: Moment | None = None
        self._moment: Moment | None = None
        self._count = 0

    def put(self, moment: Moment) -> None:
        """Replace the newest moment."""
        with self._changed:
            if self._first is None:
                self._first = replace(moment, picture=None)
            self._moment = moment
            self._count += 1
            self._changed.notify_all()

    def get(self) -> tuple[int, Moment | None]:
        """Return how many moments there were, and the newest, if there was any."""
        with self._changed:
            return self._count, self._moment

    def first(self) -> Moment | None:
        """Return the first moment of all, without its picture."""
        with self._changed:
            return self._first

    def wait(self, after: int, timeout_s: float) -> tuple[int, Moment | None]:
        """Return as `get`, once there were more than *after* moments, or after *timeout_s*."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > after, timeout_s)
            return self._count, self._moment

    def age_s(self) -> float | None:
        """Return the seconds since the newest moment came; None if none did."""
        with self._changed:
            return None if self._moment is None else self._now() - self._moment.came_s
