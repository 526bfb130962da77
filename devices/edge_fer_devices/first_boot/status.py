"""The status file on the boot partition: how the first boot went, for whoever puts the card into a reader."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.first_boot import writing
from edge_fer_devices.first_boot.places import STATUS

if TYPE_CHECKING:
    from edge_fer_devices.first_boot.places import Places

FORMAT: Final = 1
FILE_BYTES: Final = 1 << 13
"""Size of the file on a new card: room for all that is noted, so that it is never replaced."""
LOCAL: Final = "var/log/edge-fer-status.json"
"""The same file on the root partition, for a boot partition that cannot be written."""


class Status:
    """What is known so far. Every change is written at once, so that a power cut leaves the last step's name."""

    def __init__(self, places: Places, card: dict[str, Any]) -> None:
        self._places = places
        self._steps: list[dict[str, Any]] = []
        self._values: dict[str, Any] = {
            "format": FORMAT,
            "outcome": "running",
            "card": card.get("id"),
            "attempt": 1,
            "user_data": "not used",
            "settings": [],
            "error": None,
            "versions": _versions(places, card),
        }
        self._take_over(card)

    def begin(self, name: str) -> None:
        """Note that step *name* has begun."""
        self._steps.append({"name": name, "outcome": "running", "began_s": uptime_s(), "seconds": None, "detail": ""})
        self.write()

    def end(self, outcome: str, detail: str = "") -> None:
        """Note how the step that has begun last ended: *outcome* is ``ok``, ``skipped`` or ``failed``."""
        step = self._steps[-1]
        step.update(outcome=outcome, seconds=round(uptime_s() - step["began_s"], 2), detail=detail)
        self.write()

    @property
    def detail(self) -> str:
        """What the last step has said."""
        return str(self._steps[-1]["detail"])

    def keep_settings(self) -> None:
        """Keep the steps so far as those that took the card's settings, for what writes the file after this."""
        self.set(settings=self._steps)

    def set(self, **values: Any) -> None:
        """Note *values* of the whole."""
        self._values.update(values)
        self.write()

    def write(self) -> None:
        """Write the file to the boot partition, or where that cannot be written, to the root partition."""
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        times = {"uptime_s": uptime_s(), "clock": clock, "clock_note": "not set from a network; may be wrong"}
        text = json.dumps({**self._values, "times": times, "steps": self._steps}, indent=1) + "\n"
        for path in (self._places.boot / STATUS, self._places.root / LOCAL):
            try:
                writing.update(path, text)
            except OSError as exc:
                sys.stderr.write(f"edge-fer: {path} cannot be written: {exc.strerror}\n")
            else:
                return

    def _take_over(self, card: dict[str, Any]) -> None:
        """Take over what an earlier boot has noted of the same *card*."""
        try:
            before = json.loads((self._places.boot / STATUS).read_text())
            if before.get("card") == card.get("id"):
                self._values["attempt"] = int(before.get("attempt", 0)) + 1
                self._values["settings"] = before.get("settings", [])
        except (OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError):
            pass  # there is none, or it is damaged


def uptime_s() -> float:
    """Return the seconds since the device was started: a clock that nobody has to set."""
    return round(time.clock_gettime(time.CLOCK_BOOTTIME), 2)


def _versions(places: Places, card: dict[str, Any]) -> dict[str, Any]:
    return {
        "edge-fer": card.get("edge_fer"),
        "python": platform.python_version(),
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "system": _system(places),
        "model": _text(places, "proc/device-tree/model"),
    }


def _system(places: Places) -> str | None:
    for line in (_text(places, "etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return None


def _text(places: Places, path: str) -> str | None:
    try:
        return (places.root / path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return None
