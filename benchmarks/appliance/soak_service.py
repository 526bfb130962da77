"""The service under the soak: as systemd runs it, but for the wall clock, which a file may shift.

    python benchmarks/appliance/soak_service.py CONFIG.toml OFFSET

*OFFSET* is a file with the seconds by which people's time is wrong; without it, by none.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_fer.appliance import log
from edge_fer.appliance.config import Config
from edge_fer.appliance.service.appliance import Appliance
from edge_fer.appliance.service.requests import Requests
from edge_fer.errors import EdgeFerError


class ShiftedClock:
    """The wall clock, shifted by the seconds in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> datetime:
        """Return the time that the service is told."""
        try:
            offset_s = float(self._path.read_text())
        except (OSError, ValueError):
            offset_s = 0.0
        return datetime.now(UTC) + timedelta(seconds=offset_s)


def main() -> int:
    """Run the service until a signal ends it; return an exit code."""
    path = Path(sys.argv[1])
    log.start()
    try:
        with Requests() as requests:
            appliance = Appliance(Config.load(path), lambda: Config.load(path), wall=ShiftedClock(Path(sys.argv[2])))
            appliance.run(requests)
    except EdgeFerError as exc:
        sys.stderr.write(f"edge-fer: {exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
