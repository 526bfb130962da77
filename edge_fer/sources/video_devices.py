"""What the kernel says of the cameras of this machine, and which of them the source ``camera`` stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CLASS: Final = Path("/sys/class/video4linux")
RIBBON: Final = ("unicam", "rp1-cfe")
"""How the kernel calls the raw sensor of a ribbon-cable camera: up to the Raspberry Pi 4, and from the 5 on."""
NO_CAMERA: Final = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpivid", "rpi-hevc")
"""Beginnings of the names of a Raspberry Pi's video devices that decode and convert."""


def first_camera(folder: Path = CLASS) -> str:
    """Return the name of the source: the first USB camera, else the ribbon-cable one, else ``0``.

    A ribbon-cable camera has video devices too, but they show its raw sensor: picamera2 opens it.
    """
    known = cameras(folder)
    for number, name in known.items():
        if not name.startswith(RIBBON):
            return str(number)
    return "picamera" if known else "0"


def cameras(folder: Path = CLASS) -> dict[int, str]:
    """Return what the kernel calls the video devices that are cameras, by their numbers, in their order."""
    found = {}
    for path in folder.glob("video*/name"):
        number = path.parent.name.removeprefix("video")
        name = _text(path)
        # A USB camera has a second device for the data beside its pictures.
        is_first = _text(path.with_name("index")) in ("0", "")
        if number.isdecimal() and is_first and not name.startswith(NO_CAMERA):
            found[int(number)] = name
    return dict(sorted(found.items()))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
