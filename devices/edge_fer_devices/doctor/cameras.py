"""Checks of cameras. None is opened: it may be in use, and may hang."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edge_fer.sources.video_devices import RIBBON, cameras
from edge_fer_devices.doctor.finding import Finding, fault, ok, warning

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine

INSTALL_PICAMERA2: Final = "sudo apt install -y python3-picamera2"
NEW_VENV: Final = (
    "python3 -m venv --system-site-packages .venv && .venv/bin/python -m pip install edge-fer  # pip has no picamera2"
)


def csi(machine: Machine) -> Finding:
    """Return whether a ribbon-cable camera is opened through picamera2. Through V4L2 it gives raw values."""
    sensors = {number: name for number, name in _cameras(machine).items() if name.startswith(RIBBON)}
    if not sensors:
        return ok("no ribbon-cable camera")
    used = _number(machine.source)
    if used in sensors:
        return fault(
            f"{machine.source} is the raw sensor of a ribbon-cable camera ({sensors[used]}): no exposure, no colours",
            "edge-fer run picamera",
        )
    if not machine.has_module("picamera2") or not machine.has_module("libcamera"):
        return fault(
            f"a ribbon-cable camera ({', '.join(sensors.values())}), and this Python has no picamera2 to open it",
            INSTALL_PICAMERA2,
            NEW_VENV,
        )
    return ok(f"a ribbon-cable camera ({', '.join(sensors.values())}); open it with --source picamera")


def permission(machine: Machine) -> Finding:
    """Return whether there is a camera that this user may use."""
    known = _cameras(machine)
    if not known:
        return warning(
            "no camera of this machine; network cameras and --source synthetic need none",
            "# connect one, then: ls /dev/video*; a ribbon-cable camera: rpicam-hello --list-cameras",
        )
    wanted = _number(machine.source)
    for number in known:
        path = machine.root / f"dev/video{number}"
        if (wanted is None or wanted == number) and not machine.may_use(path):
            return fault(
                f"this user may not use /dev/video{number}",
                "sudo usermod -aG video $USER  # then log in again; for a service: SupplementaryGroups=video",
            )
    return ok(", ".join(f"/dev/video{number} ({name})" for number, name in known.items()))


def _cameras(machine: Machine) -> dict[int, str]:
    return cameras(machine.root / "sys/class/video4linux")


def _number(source: str | None) -> int | None:
    """Return the number of the camera that the user means by *source*; None if it is no such camera."""
    match = re.fullmatch(r"(?:/dev/video)?(\d+)", source or "")
    return None if match is None else int(match[1])
