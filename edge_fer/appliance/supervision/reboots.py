"""How often the board may be restarted for a camera that hangs in the kernel: once an hour."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Final

from edge_fer import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

FILE: Final = "reboots.json"
LEAST_S: Final = 3600.0


def uptime_s() -> float:
    """Return the seconds since this machine was started, with those in which it slept, where the system tells them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Reboots:
    """Remembers in the state *folder* that there was one. *uptime_s* is the time since the machine was started.

    The wall clock counts for nothing: a board without a battery starts with the time of its last shutdown.
    """

    def __init__(self, folder: Path, uptime_s: Callable[[], float] = uptime_s) -> None:
        self._path = folder / FILE
        self._uptime_s = uptime_s

    def may(self) -> bool:
        """Return whether there was none ever, or whether the machine has run for long enough since."""
        return self._uptime_s() >= LEAST_S or not self._path.exists()

    def note(self, now: datetime) -> bool:
        """Remember that there is one *now*. Return whether it could be: without a memory, it might be every minute."""
        with contextlib.suppress(OSError):
            files.write(self._path, json.dumps({"last": now.isoformat(timespec="seconds")}))
            return True
        return False
