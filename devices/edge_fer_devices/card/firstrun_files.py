"""The way of images before trixie: the kernel's command line names a script, which runs once and starts again."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from edge_fer_devices.card import cloud_init
from edge_fer_devices.card.settings import OPEN, WPA3
from edge_fer_devices.first_boot.places import FOLDER

if TYPE_CHECKING:
    from edge_fer_devices.card.settings import Settings, Wifi

SCRIPT: Final = f"""\
#!/bin/sh
# Takes the settings of setup.json, and lets the next boot install edge-fer. All of it is in Python, beside this file.
PYTHONPATH=/boot/firmware/{FOLDER}/lib exec /usr/bin/python3 -B -m edge_fer_devices.first_boot.firstrun
"""
# A script that fails has not removed these words, and would be started again for ever: the device is switched off.
WORDS: Final = (
    f"systemd.run=/boot/firmware/{FOLDER}/firstrun.sh", "systemd.run_success_action=reboot",
    "systemd.run_failure_action=poweroff", "systemd.unit=kernel-command-line.target",
)  # fmt: skip
ESCAPES: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def setup(settings: Settings) -> str:
    """Return ``setup.json``: the settings, as the script on the device takes them."""
    wifi = settings.wifi
    values = {
        "hostname": settings.hostname,
        "timezone": settings.timezone,
        "account": asdict(settings.account) if settings.account is not None else None,
        "connection": connection(wifi) if wifi is not None else None,
        "netplan": cloud_init.yaml({"network": cloud_init.network(settings)}),
        "country": wifi.country if wifi is not None else None,
    }
    return json.dumps(values, indent=1) + "\n"


def connection(wifi: Wifi) -> str:
    """Return the file by which NetworkManager knows *wifi* (see ``nm-settings-keyfile(5)``)."""
    # As numbers, so that no character of a name means anything.
    ssid = "".join(f"{byte};" for byte in wifi.ssid.encode())
    lines = ["[connection]", "id=edge-fer", f"uuid={uuid.uuid4()}", "type=wifi", "", "[wifi]", "mode=infrastructure"]
    lines.append(f"ssid={ssid}")
    if wifi.hidden:
        lines.append("hidden=true")
    if wifi.security != OPEN:
        kind = "sae" if wifi.security == WPA3 else "wpa-psk"
        lines += ["", "[wifi-security]", f"key-mgmt={kind}", f"psk={_value(wifi.key)}"]
    lines += ["", "[ipv4]", "method=auto", "", "[ipv6]", "method=auto"]
    return "\n".join(lines) + "\n"


def _value(text: str) -> str:
    """Return *text* as a value of a key file: GLib drops spaces at its start, and reads backslashes as escapes."""
    escaped = "".join(ESCAPES.get(character, character) for character in text)
    spaces = len(escaped) - len(escaped.lstrip(" "))
    return "\\s" * spaces + escaped[spaces:]
