"""Takes the settings of ``setup.json`` on images without cloud-init.

The kernel's command line starts it, before the system is up; then the device starts again, and edge-fer is installed.
A setting that fails is noted, and the others are taken all the same.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.first_boot import cmdline, persisting, writing
from edge_fer_devices.first_boot.commands import StepFailed, run, succeeds
from edge_fer_devices.first_boot.installing import has_group, has_user
from edge_fer_devices.first_boot.places import Places
from edge_fer_devices.first_boot.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Setting = Callable[[Places, dict[str, Any]], str]

GROUPS: Final = (
    "adm", "dialout", "cdrom", "sudo", "audio", "video", "plugdev", "games", "users", "input", "render", "netdev",
    "gpio", "i2c", "spi",
)  # fmt: skip
"""Groups of the account that Raspberry Pi OS makes."""
USERCONF: Final = "usr/lib/userconf-pi/userconf"
"""Raspberry Pi OS' own program, which gives its first account another name and a password."""


def main(places: Places | None = None) -> int:
    """Take the settings; return 0 if the next boot can be an ordinary one."""
    places = places or Places()
    try:
        card = json.loads((places.card / "card.json").read_text(encoding="utf-8"))
        setup = json.loads((places.card / "setup.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"edge-fer: the settings cannot be read: {exc}\n")
        return _go_on(places)
    status = Status(places, card)
    for name, setting in SETTINGS.items():
        _try(status, name, partial(setting, places, setup))
    _try(status, "let the next boot install", lambda: persisting.keep_unit(places, card))
    status.keep_settings()
    code = _go_on(places)
    writing.erase(places.card / "setup.json")
    return code


def set_hostname(places: Places, setup: dict[str, Any]) -> str:
    """Give the device its name."""
    name = setup["hostname"]
    writing.write(places.root / "etc/hostname", name + "\n")
    hosts = places.root / "etc/hosts"
    lines = hosts.read_text().splitlines() if hosts.exists() else []
    others = [line for line in lines if not line.startswith("127.0.1.1")]
    writing.write(hosts, "\n".join([*others, f"127.0.1.1\t{name}"]) + "\n")
    return str(name)


def set_timezone(places: Places, setup: dict[str, Any]) -> str:
    """Set the time zone. Raises `StepFailed` for one that the device does not know."""
    zone = setup["timezone"]
    if not (places.root / "usr/share/zoneinfo" / zone).is_file():
        raise StepFailed(f"this system knows no time zone {zone}")
    link = places.root / "etc/localtime"
    beside = link.with_name("localtime.part")
    beside.unlink(missing_ok=True)
    beside.symlink_to(f"/usr/share/zoneinfo/{zone}")
    beside.replace(link)
    writing.write(places.root / "etc/timezone", zone + "\n")
    return str(zone)


def make_account(places: Places, setup: dict[str, Any]) -> str:
    """Make the account that may log in, with its password's hash and its SSH keys."""
    account = setup["account"]
    if account is None:
        return "none"
    name = account["name"]
    _add_user(places, name, account["password_hash"])
    rule = sudo_rule(account["password_hash"])
    writing.write(places.root / "etc/sudoers.d/010_edge-fer", f"{name} {rule}\n", mode=0o440)
    if account["ssh_keys"]:
        _write_keys(places.root / "home" / name, name, account["ssh_keys"])
    succeeds(["systemctl", "disable", "userconfig.service"])  # Raspberry Pi OS would ask for an account on the screen
    return str(name)


def sudo_rule(password_hash: str) -> str:
    """Return what sudo lets the account do; it asks for the password of an account that has one."""
    return "ALL=(ALL:ALL) ALL" if password_hash else "ALL=(ALL:ALL) NOPASSWD:ALL"


def join_network(places: Places, setup: dict[str, Any]) -> str:
    """Let NetworkManager, or netplan where there is none, join the wireless network."""
    if setup["connection"] is None:
        return "none"
    manager = places.root / "etc/NetworkManager"
    if manager.is_dir():
        path = manager / "system-connections/edge-fer.nmconnection"
        text = setup["connection"]
    elif (places.root / "etc/netplan").is_dir():
        path = places.root / "etc/netplan/90-edge-fer.yaml"
        text = setup["netplan"]
    else:
        raise StepFailed("this system has neither NetworkManager nor netplan")
    writing.write(path, text, mode=0o600)
    if shutil.which("raspi-config"):
        run(["raspi-config", "nonint", "do_wifi_country", setup["country"]])
    elif shutil.which("rfkill"):
        run(["rfkill", "unblock", "wifi"])
    return path.name


SETTINGS: Final[dict[str, Setting]] = {
    "set the host's name": set_hostname,
    "set the time zone": set_timezone,
    "make the account": make_account,
    "join the network": join_network,
}


def _add_user(places: Places, name: str, password_hash: str) -> None:
    userconf = places.root / USERCONF
    if userconf.exists() and not has_user(name):
        run([userconf, name, password_hash or "!"])
    elif not has_user(name):
        run(["useradd", "--create-home", "--shell", "/bin/bash", name])
    groups = [group for group in GROUPS if has_group(group)]
    if groups:
        run(["usermod", "--append", "--groups", ",".join(groups), name])
    if password_hash:
        run(["usermod", "--password", password_hash, name])


def _write_keys(home: Path, name: str, keys: list[str]) -> None:
    folder = home / ".ssh"
    writing.write(folder / "authorized_keys", "\n".join(keys) + "\n", mode=0o600)
    folder.chmod(0o700)
    run(["chown", "--recursive", f"{name}:", folder])


def _try(status: Status, name: str, step: Callable[[], str]) -> None:
    status.begin(name)
    try:
        detail = step()
    except Exception as exc:  # noqa: BLE001  (whatever it is, the device must go on)
        status.end("failed", str(exc) if isinstance(exc, StepFailed) else f"{type(exc).__name__}: {exc}")
    else:
        status.end("ok", detail)


def _go_on(places: Places) -> int:
    """Let the next boot be an ordinary one; return 1 if it cannot: then the device is switched off."""
    try:
        cmdline.clean(places.boot / "cmdline.txt")
    except OSError as exc:
        sys.stderr.write(f"edge-fer: cmdline.txt cannot be written: {exc.strerror}\n")
        return 1
    os.sync()
    return 0


if __name__ == "__main__":
    sys.exit(main())
