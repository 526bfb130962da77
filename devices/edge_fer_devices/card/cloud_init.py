"""cloud-init's three files on the boot partition: ``user-data``, ``network-config`` and ``meta-data``.

They are JSON, which is YAML too: there is one way to quote, whatever characters a name holds. See cloud-init's
documentation of the NoCloud data source, and netplan's of the network configuration, version 2.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.card.settings import OPEN, WPA3
from edge_fer_devices.first_boot.firstrun import GROUPS, sudo_rule
from edge_fer_devices.first_boot.places import FIRST_BOOT_UNIT, FOLDER

if TYPE_CHECKING:
    from edge_fer_devices.card.settings import Account, Settings, Wifi

NOT_ASCII: Final = re.compile(r"[^\x20-\x7e\n]")
UNIT_SOURCE: Final = f"/boot/firmware/{FOLDER}/lib/edge_fer_devices/first_boot/units/{FIRST_BOOT_UNIT}"


def new_instance_id() -> str:
    """Return an id that no card had before: with another one than last time, cloud-init works again."""
    return f"edge-fer-{uuid.uuid4()}"


def user_data(settings: Settings, *, secrets: bool = True) -> str:
    """Return ``user-data``. Without *secrets* it is what stays on the card after the first boot."""
    values: dict[str, Any] = {
        "hostname": settings.hostname,
        "manage_etc_hosts": True,
        "timezone": settings.timezone,
    }
    if secrets:
        if settings.account is not None:
            values["users"] = [_user(settings.account)]
            values["ssh_pwauth"] = bool(settings.account.password_hash)
        # Where systemd could not be given the unit on the kernel's command line, it is started from here.
        values["runcmd"] = [
            ["cp", UNIT_SOURCE, f"/etc/systemd/system/{FIRST_BOOT_UNIT}"],
            ["systemctl", "daemon-reload"],
            ["systemctl", "start", "--no-block", FIRST_BOOT_UNIT],
        ]
    return "#cloud-config\n" + yaml(values)


def network_config(settings: Settings, *, secrets: bool = True) -> str:
    """Return ``network-config``. Without *secrets* it is what stays on the card after the first boot."""
    return yaml(network(settings, secrets=secrets))


def network(settings: Settings, *, secrets: bool = True) -> dict[str, Any]:
    """Return netplan's values: any cable by DHCP, and with *secrets* the wireless network. The boot waits for none."""
    values: dict[str, Any] = {
        "version": 2,
        "ethernets": {"cable": {"match": {"name": "e*"}, "dhcp4": True, "optional": True}},
    }
    if settings.wifi is not None and secrets:
        values["wifis"] = {"wlan0": _wlan(settings.wifi)}
    return values


def meta_data(settings: Settings, instance_id: str) -> str:
    """Return ``meta-data``. The name of its first field has a hyphen; another spelling is ignored."""
    return yaml({"instance-id": instance_id, "local-hostname": settings.hostname, "dsmode": "local"})


def yaml(values: dict[str, Any]) -> str:
    r"""Return *values* as JSON that every YAML reader takes: ASCII, with YAML's ``\U0001f600`` for what lies beyond."""
    text = json.dumps(values, indent=1, ensure_ascii=False)
    return NOT_ASCII.sub(_escape, text) + "\n"


def _escape(match: re.Match[str]) -> str:
    # JSON would write two surrogates for what is beyond U+FFFF; YAML takes those for two characters.
    return f"\\U{ord(match[0]):08x}"


def _user(account: Account) -> dict[str, Any]:
    user: dict[str, Any] = {
        "name": account.name,
        "gecos": account.name,
        "groups": ",".join(GROUPS),
        "shell": "/bin/bash",
        "lock_passwd": not account.password_hash,
        "sudo": sudo_rule(account.password_hash),
    }
    if account.password_hash:
        user["passwd"] = account.password_hash
    if account.ssh_keys:
        user["ssh_authorized_keys"] = list(account.ssh_keys)
    return user


def _wlan(wifi: Wifi) -> dict[str, Any]:
    point: dict[str, Any] = {}
    if wifi.security == WPA3:
        point["auth"] = {"key-management": "sae", "password": wifi.key}
    elif wifi.security != OPEN:
        point["auth"] = {"key-management": "psk", "password": wifi.key}
    if wifi.hidden:
        point["hidden"] = True
    return {
        "dhcp4": True,
        "optional": True,
        "regulatory-domain": wifi.country,
        "access-points": {wifi.ssid: point},
    }
