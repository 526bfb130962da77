"""Boot cards that ``edge-fer flash`` made, on machines emulated by QEMU, and do to them what happens to cards.

    python devices/emulate/run.py                     # all scenarios; hours on two cores
    python devices/emulate/run.py --only first-boot   # one of them; may be repeated
    python devices/emulate/run.py --list

Needs root once, to make the stand-in for Raspberry Pi OS, and Debian's packages qemu-system-arm, qemu-user-static,
mmdebstrap, mtools, dosfstools, fdisk, e2fsprogs. Everything is kept in build/emulate; the results are written to
benchmarks/results/emulated/results.json, where those of scenarios that were not run stay as they are.

Emulated times say nothing about a device. Only the time to the first healthy answer is noted, of the emulation.
"""

# ruff: noqa: T201  (a script prints)

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
import traceback
from typing import Any, Final

import stand_in
from scenarios import SCENARIOS, Workshop, first_record

RESULTS: Final = stand_in.CLONE / "benchmarks" / "results" / "emulated" / "results.json"
NOT_RUN: Final = "not run"


def main() -> int:
    """Run the scenarios that were asked for; return how many have failed."""
    options = _options()
    if options.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:24}{(scenario.__doc__ or '').splitlines()[0]}")
        return 0
    # So that no machine is left running.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    workshop = prepare()
    failed = 0
    for name in options.only or SCENARIOS:
        outcome = run_scenario(name, workshop)
        failed += outcome["outcome"] != "passed"
        save(name, outcome)
    return min(failed, 1)


def prepare() -> Workshop:
    """Return what the scenarios share: the stand-in's image, a wheelhouse, what this machine computes."""
    stock = stand_in.build()
    folder = stand_in.CACHE / "cards"
    folder.mkdir(exist_ok=True)
    wheelhouse = stand_in.CACHE / "wheelhouse"
    make = [sys.executable, "-m", "edge_fer.cli", "wheelhouse", "--out", str(wheelhouse), "--python", "3.13", "--force"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    return Workshop(stock, folder, wheelhouse, first_record())


def run_scenario(name: str, workshop: Workshop) -> dict[str, Any]:
    """Return the outcome of the scenario *name*, and what it has measured or why it has failed."""
    print(f"{time.strftime('%H:%M:%S')} {name}: {(SCENARIOS[name].__doc__ or '').splitlines()[0]}", flush=True)
    try:
        measured = SCENARIOS[name](workshop)
    except Exception as exc:  # noqa: BLE001  (the other scenarios are still worth running)
        traceback.print_exc()
        return {"outcome": "failed", "reason": f"{type(exc).__name__}: {exc}"[:2000]}
    print(json.dumps(measured, indent=1), flush=True)
    return {"outcome": "passed", **measured}


def save(name: str, outcome: dict[str, Any]) -> None:
    """Write the outcome of a scenario to the results, beside those of earlier runs."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    scenarios = {each: {"outcome": NOT_RUN} for each in SCENARIOS}
    scenarios.update({each: found for each, found in results.get("scenarios", {}).items() if each in SCENARIOS})
    scenarios[name] = {"date": time.strftime("%Y-%m-%d"), **outcome}
    qemu = subprocess.run(["qemu-system-aarch64", "--version"], check=True, capture_output=True, text=True).stdout
    content = {
        "about": "cards in machines emulated by QEMU; no time here is that of a device",
        "qemu": qemu.splitlines()[0],
        "scenarios": scenarios,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(content, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="run this scenario; may be repeated")
    parser.add_argument("--list", action="store_true", help="show all scenarios")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
