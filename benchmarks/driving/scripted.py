"""Plays every scripted drive at 5, 15 and 30 frames a second, and at irregular times, and checks its alerts.

Bar: every expected alert within 0.2 s, no other one, the same at all rates. Exits with 1 on a miss.

A passenger's face beside the driver's is not among them: which face is the driver's is decided before the policy.

    python benchmarks/driving/scripted.py --json benchmarks/results/driving/scripted.json
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import drives

from edge_fer import files
from edge_fer.driving.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drives import Drive

    from edge_fer.driving.alerts import Alert

RATES: Final = ("5", "15", "30", "irregular")
TOLERANCE_S: Final = 0.2
SEED: Final = 32


def times(length_s: float, rate: str) -> Iterator[float]:
    """Yield the times of frames; irregular ones are 0.02 to 0.09 s apart."""
    if rate != "irregular":
        yield from drives.at_rate(length_s, float(rate))
        return
    random_numbers = random.Random(SEED)  # noqa: S311
    time_s = 0.0
    while time_s < length_s:
        yield time_s
        time_s += random_numbers.uniform(0.02, 0.09)


def played(drive: Drive, rate: str, parameters: Parameters) -> dict[str, Any]:
    """Play *drive* and return its alerts and what is wrong with them."""
    alerts = drives.play(drive, times(drive.length_s, rate), parameters)
    return {
        "drive": drive.name,
        "level": drive.level,
        "rate": rate,
        "expected": [[one.time_s, one.kind, one.level] for one in drive.expected],
        "alerts": [_as_row(alert) for alert in alerts],
        "largest_error_s": round(drives.largest_error_s(drive, alerts), 4),
        "misses": drives.misses(drive, alerts, TOLERANCE_S),
    }


def _as_row(alert: Alert) -> list[Any]:
    return [round(alert.time_s, 4), alert.kind, alert.level, alert.detail]


def show(rows: list[dict[str, Any]]) -> None:
    """Print one line a drive: the largest error at each rate."""
    print(f"{'drive':<34}{'level':>6}" + "".join(f"{rate:>11}" for rate in RATES) + "   largest error, s")  # noqa: T201
    for first in range(0, len(rows), len(RATES)):
        of_drive = rows[first : first + len(RATES)]
        cells = [f"{row['largest_error_s']:>11.3f}" if not row["misses"] else f"{'MISS':>11}" for row in of_drive]
        print(f"{of_drive[0]['drive']:<34}{of_drive[0]['level']:>6}" + "".join(cells))  # noqa: T201
        for row in of_drive:
            for line in row["misses"]:
                print(f"    at {row['rate']}: {line}")  # noqa: T201


def main() -> None:
    """Play all drives."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, help="write the raw values to this file")
    given = options.parse_args()
    parameters = Parameters()
    rows = [played(drive, rate, parameters) for drive in drives.all_drives() for rate in RATES]
    show(rows)
    failed = [row for row in rows if row["misses"]]
    print(f"{len(rows)} plays, {len(failed)} with misses")  # noqa: T201
    if given.json:
        result = {
            "command": shlex.join(["python", "benchmarks/driving/scripted.py", *sys.argv[1:]]),
            "tolerance_s": TOLERANCE_S,
            "parameters": parameters.model_dump(),
            "plays": rows,
        }
        files.write(given.json, json.dumps(result, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
