"""Checks of cameras. None is opened: it may be in use, and may hang."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from edge_fer_devices.doctor.finding import Finding, fault, ok, warning

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine

CSI: Final = ("unicam", "rp1-cfe")
"""How the kernel calls the raw sensor of a ribbon-cable camera: up to the Raspberry Pi 4, and from the 5 on."""
NO_CAMERA: Final = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpivid", "rpi-hevc")
"""Beginnings of the names of a Raspberry Pi's video devices that decode and convert."""
INSTALL_PICAMERA2: Final = "sudo apt install -y python3-picamera2"
NEW_VENV: Final = (
    "python3 -m venv --system-site-packages .venv && .venv/bin/python -m pip install edge-fer  # pip has no picamera2"
)


def csi(machine: Machine) -> Finding:
    """Return whether a ribbon-cable camera is opened through picamera2. Through V4L2 it gives raw values."""
    sensors = _devices(machine, CSI)
    if not sensors:
        return ok("no ribbon-cable camera")
    used = _number(machine.source)
    if used in sensors:
        return fault(
            f"{machine.source} is the raw sensor of a ribbon-cable camera ({sensors[used]}): no exposure, no colours",
            "edge-fer run --source picamera",
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
    sensors, others = _devices(machine, CSI), _devices(machine, None)
    if not sensors and not others:
        return warning(
            "no camera of this machine; network cameras and --source synthetic need none",
            "# connect one, then: ls /dev/video*; a ribbon-cable camera: rpicam-hello --list-cameras",
        )
    wanted = _number(machine.source)
    for number in sorted({*sensors, *others}):
        path = machine.root / f"dev/video{number}"
        if (wanted is None or wanted == number) and not machine.may_use(path):
            return fault(
                f"this user may not use /dev/video{number}",
                "sudo usermod -aG video $USER  # then log in again; for a service: SupplementaryGroups=video",
            )
    return ok(", ".join(f"/dev/video{number} ({name})" for number, name in sorted({**sensors, **others}.items())))


def _devices(machine: Machine, beginnings: tuple[str, ...] | None) -> dict[int, str]:
    """Return names of video devices by number: those that begin so; with None, all other cameras."""
    found = {}
    for path in machine.root.glob("sys/class/video4linux/video*/name"):
        name = machine.text(str(path.relative_to(machine.root))) or ""
        number = path.parent.name.removeprefix("video")
        if not number.isdecimal():
            continue
        wanted = name.startswith(beginnings) if beginnings else not name.startswith((*CSI, *NO_CAMERA))
        # A USB camera has a second device for the data beside its pictures.
        is_first = machine.text(f"sys/class/video4linux/video{number}/index") in ("0", None)
        if wanted and is_first:
            found[int(number)] = name
    return found


def _number(source: str | None) -> int | None:
    """Return the number of the camera that the user means by *source*; None if it is no such camera."""
    match = re.fullmatch(r"(?:/dev/video)?(\d+)", source or "")
    return None if match is None else int(match[1])
