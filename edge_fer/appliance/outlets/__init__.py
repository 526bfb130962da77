"""Outlets: where events go besides the device's own store. Each is a plug of a few members.

An outlet may block or fail: the service runs each in a thread of its own behind a bounded queue, abandons one that
blocks for longer than its deadline, and opens it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edge_fer.appliance.event import Event


class Outlet(Protocol):
    """Sends events somewhere. All members are called from one thread."""

    @property
    def name(self) -> str:
        """Name in logs, metrics and on the page: ``mqtt``, ``webhook example.org``."""

    def open(self) -> None:
        """Connect. Raises `OutletError`."""

    def send(self, event: Event) -> None:
        """Send *event*; return once it is delivered, or kept by a queue that outlives the connection.

        Raises `OutletError`: then the same event is sent again after `open`.
        """

    def close(self) -> None:
        """Say goodbye and disconnect; never raises, and returns within a second."""
