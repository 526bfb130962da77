"""What the service tells systemd (see ``sd_notify(3)``); nothing where systemd did not start it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.clock import Clock

BEAT_S: Final = 5.0
"""Longest time between two beats."""

SEND_S: Final = 1.0
"""How long systemd may take to take a message."""


def notify(message: str) -> None:
    """Send *message* to systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A leading @ stands for the NUL of an abstract name.
    name = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        # A systemd that does not listen must not keep the service from its work.
        to.settimeout(SEND_S)
        to.sendto(message.encode(), name)


def reloading() -> None:
    """Say that the settings are being read again; `notify` READY=1 afterwards."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


class Watchdog:
    """Feeds systemd's watchdog, often enough for the time that the unit allows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._period_s = _period_s()
        self._due_s = clock.now()

    def feed(self, status: Callable[[], str]) -> None:
        """Say that the service lives, and how it is, if that is due."""
        if self._clock.now() >= self._due_s:
            self._due_s = self._clock.now() + self._period_s
            notify(f"WATCHDOG=1\nSTATUS={status()}")


def _period_s() -> float:
    try:
        allowed_s = int(os.environ.get("WATCHDOG_USEC", "")) / 1e6
    except ValueError:
        return BEAT_S
    return min(BEAT_S, allowed_s / 3)
