"""The way of images before trixie: the kernel's command line names a script, which runs once and starts again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from edge_fer_devices.first_boot.places import FOLDER

if TYPE_CHECKING:
    from edge_fer_devices.card.settings import Settings

SCRIPT: Final = f"""\
#!/bin/sh
# Takes the settings of setup.json, and lets the next boot install edge-fer. All of it is in Python, beside this file.
PYTHONPATH=/boot/firmware/{FOLDER}/lib exec /usr/bin/python3 -B -m edge_fer_devices.first_boot.firstrun
"""
WORDS: Final = (
    f"systemd.run=/boot/firmware/{FOLDER}/firstrun.sh", "systemd.run_success_action=reboot",
    "systemd.run_failure_action=reboot", "systemd.unit=kernel-command-line.target",
)  # fmt: skip


def setup(settings: Settings) -> str:
    """Return ``setup.json``: the settings, as the script on the device reads them."""
    return json.dumps(asdict(settings), indent=1) + "\n"
