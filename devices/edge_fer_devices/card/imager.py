"""The file by which Raspberry Pi Imager offers an image of ours (``.rpi-imager-manifest``).

Its fields are those of Imager's list of systems: doc/json-schema/os-list-schema.json of raspberrypi/rpi-imager.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import edge_fer
from edge_fer_devices.wheelhouse import sha256

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX: Final = ".rpi-imager-manifest"
TAGS: Final = ("pi3-64bit", "pi4-64bit", "pi5-64bit")
"""Imager's names of the boards that run 64-bit images; a Zero 2 W counts as a Pi 3."""


def manifest(image: Path, system: str | None) -> str:
    """Return the manifest of the *image*, made from *system*, which it names by its absolute path."""
    size = image.stat().st_size
    digest = sha256(image)
    entry = {
        "name": f"edge-fer {edge_fer.__version__}: {image.name}",
        "description": f"{system or 'Raspberry Pi OS'} that boots into edge-fer",
        "icon": "icons/use_custom.png",  # one that Imager brings along
        "url": image.resolve().as_uri(),
        "extract_size": size,
        "extract_sha256": digest,
        "image_download_size": size,
        "image_download_sha256": digest,
        "release_date": time.strftime("%Y-%m-%d", time.gmtime()),
        "devices": list(TAGS),
        "architecture": "armv8",
        # Its settings are in it already; Imager would write its own over them.
        "init_format": "none",
    }
    return json.dumps({"os_list": [entry]}, indent=1) + "\n"
