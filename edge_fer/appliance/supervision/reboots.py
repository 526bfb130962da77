"""How often the board may be restarted for a camera that hangs in the kernel: once an hour."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

from edge_fer import files

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

FILE: Final = "reboots.json"
LEAST_S: Final = 3600.0


class Reboots:
    """Remembers the last one in the state *folder*."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def may(self, now: datetime) -> bool:
        """Return whether the last one is long enough ago. A time in the future is that of a clock that was wrong."""
        last_s = self._last_s()
        return last_s is None or not 0 <= now.timestamp() - last_s < LEAST_S

    def note(self, now: datetime) -> bool:
        """Remember that there is one *now*. Return whether it could be: without a memory, it might be every minute."""
        with contextlib.suppress(OSError):
            files.write(self._path, json.dumps({"last": now.timestamp()}))
            return True
        return False

    def _last_s(self) -> float | None:
        try:
            return float(json.loads(self._path.read_text())["last"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
