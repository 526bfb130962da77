"""The vehicle's speed, as somebody else tells it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from edge_fer import files

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer.clock import Clock

READ_EVERY_S: Final = 0.2
"""How often the file is read, at most."""
OLD_AFTER_S: Final = 5.0
"""A file that was not written for so long tells nothing any more."""
MAX_BYTES: Final = 64
MAX_KMH: Final = 1000.0
"""A number beyond is no speed."""


class SpeedFile:
    """A file that holds one number in km/h, and is written again and again, also where the speed stays the same."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._content: tuple[int, bytes] | None = None
        self._changed_s = clock.now()
        self._read_s = -math.inf

    def read(self) -> float | None:
        """Return the speed in km/h; None where it is unknown."""
        now_s = self._clock.now()
        if now_s - self._read_s >= READ_EVERY_S:
            self._read_s = now_s
            content = self._look()
            if content != self._content:
                self._content = content
                self._changed_s = now_s
        if self._content is None or now_s - self._changed_s > OLD_AFTER_S:
            return None
        return parsed(self._content[1])

    def _look(self) -> tuple[int, bytes] | None:
        """Return when the file was written, and what it holds. By its time, since the number may stay the same."""
        try:
            with files.open_regular(self._path) as file:
                return self._path.stat().st_mtime_ns, file.read(MAX_BYTES)
        except OSError:
            return None


def parsed(text: bytes) -> float | None:
    """Return the speed in km/h that *text* tells; None if it is no possible speed."""
    try:
        speed_kmh = float(text)
    except ValueError:
        return None
    return speed_kmh if 0 <= speed_kmh <= MAX_KMH else None
