#!/usr/bin/python3 -IB
"""Lets the service do what its settings need, and no more: a network, pins, sound, folders, credentials.

systemd runs a copy of this file as a generator (systemd.generator(7)), at each start and at each ``systemctl
daemon-reload``, and takes the drop-ins that it writes. Where the settings cannot be read, nothing is allowed; what is
wrong with them, the service says. Needs nothing but Python.
"""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

SETTINGS: Final = Path("/etc/edge-fer/config.toml")
ENCRYPTED: Final = Path("/etc/credstore.encrypted")
"""Where systemd looks for credentials that only this device can read."""
STATE: Final = "/var/lib/edge-fer"
"""What the service may always write to."""
SERVICE: Final = "edge-fer.service"
KIOSK: Final = "edge-fer-kiosk.service"
DROP_IN: Final = "50-settings.conf"
DEFAULT_BIND: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8737
BACK_OFF_FROM: Final = 254
"""First systemd that waits longer after each failed start."""
ANYWHERE: Final = "any"
STREAMS: Final = ("://", "@")
"""What tells a source on the network from one of this device: an address, or a file that may hold one."""


def main(arguments: list[str], settings: Path = SETTINGS, encrypted: Path = ENCRYPTED) -> int:
    """Write the drop-ins into the first folder of *arguments*, as systemd passes three of them; return 0."""
    if not arguments:
        sys.stderr.write("edge-fer-generator: systemd runs this, with folders to write to\n")
        return 2
    config = read(settings)
    lines = ["# Written by edge-fer-generator from the service's settings.", "[Service]"]
    lines += back_off(_systemd_version())
    lines += [f"IPAddressAllow={address}" for address in network(config)]
    lines += devices(config)
    lines += [f"ReadWritePaths=-{folder}" for folder in folders(config)]
    lines += [_load(name, encrypted) for name in credentials(config)]
    _write(Path(arguments[0]), SERVICE, lines)
    page = address_of_page(config)
    if page is not None:
        _write(Path(arguments[0]), KIOSK, ["[Service]", f"Environment=EDGE_FER_PAGE={page}"])
    return 0


def network(config: dict[str, Any]) -> list[str]:
    """Return the addresses beyond this device that the service needs; one word for all where names are looked up."""
    needed: list[str] = []
    page = _table(config, "page")
    if page.get("enabled", True) and not _is_this_device(str(page.get("bind", DEFAULT_BIND))):
        needed.append(ANYWHERE)
    if any(mark in str(config.get("source", "")) for mark in STREAMS):
        needed.append(ANYWHERE)
    if any("://" in str(place) for place in _table(_table(config, "music"), "playlists").values()):
        needed.append(ANYWHERE)
    hosts = [_table(config, "mqtt").get("host", ""), _table(_table(config, "driving"), "speed").get("host", "")]
    hosts += [str(webhook.get("url", "")).partition("://")[2].partition("/")[0] for webhook in _webhooks(config)]
    needed += [_address(str(host)) for host in hosts if host and not _is_this_device(str(host))]
    return [ANYWHERE] if ANYWHERE in needed else sorted(set(needed))


def devices(config: dict[str, Any]) -> list[str]:
    """Return the lines that allow pins and sound."""
    lines = []
    if "gpio" in config:
        # lgpio keeps a pipe in its working folder.
        lines += ["DeviceAllow=char-gpiochip rw", "DeviceAllow=/dev/gpiomem rw", "Environment=LG_WD=/tmp"]
    if "music" in config or "sound" in config:
        lines += ["DeviceAllow=char-alsa rw", "SupplementaryGroups=audio"]
    return lines


def folders(config: dict[str, Any]) -> list[str]:
    """Return the folders besides `STATE` that the service writes to. Each has to be there, and to be its own."""
    named = [_table(config, "supervision").get("state_folder")]
    events = _table(config, "events").get("path")
    if isinstance(events, str):
        named.append(str(Path(events).parent))
    absolute = {path for path in named if isinstance(path, str) and path.startswith("/") and _is_word(path, "_.-/")}
    return sorted(path for path in absolute if not Path(path).is_relative_to(STATE))


def credentials(config: dict[str, Any]) -> list[str]:
    """Return the names of the credentials that the settings name; those in files of their own are not systemd's."""
    named = [_table(config, "page").get("token"), _table(config, "mqtt").get("password")]
    named.append(_table(_table(config, "driving"), "speed").get("password"))
    named += [webhook.get("secret") for webhook in _webhooks(config)]
    names = {name for name in named if isinstance(name, str) and name and not name.startswith("@")}
    return sorted(name for name in names if _is_word(name, "_.-"))


def back_off(version: int) -> list[str]:
    """Return the lines by which a systemd of *version* waits longer after each failed start."""
    return ["RestartSteps=8", "RestartMaxDelaySec=5min"] if version >= BACK_OFF_FROM else []


def address_of_page(config: dict[str, Any]) -> str | None:
    """Return where this device's own screen finds the page; None where the settings do not say."""
    page = _table(config, "page")
    try:
        address = ipaddress.ip_address(page.get("bind", DEFAULT_BIND))
        port = int(page.get("port", DEFAULT_PORT))
    except (ValueError, TypeError):
        return None
    if not page.get("enabled", True) or port == 0:
        return None
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"{'https' if page.get('certificate') else 'http'}://{host}:{port}/"


def _load(name: str, encrypted: Path) -> str:
    """Return the line that passes the credential *name* on. One that is missing keeps no service from starting."""
    kind = "LoadCredentialEncrypted" if (encrypted / name).exists() else "LoadCredential"
    return f"{kind}={name}"


def read(path: Path) -> dict[str, Any]:
    """Return the settings at *path*; none where they cannot be read, which is told."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as exc:
        sys.stderr.write(f"edge-fer-generator: {path} cannot be read, the service may use no network: {exc}\n")
        return {}


def _systemd_version() -> int:
    """Return the version of this system's systemd; 0 where it does not say."""
    try:
        said = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S607
        return int(said.stdout.split()[1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return 0


def _is_word(text: str, others: str) -> bool:
    """Return whether *text* has only letters, digits and *others*: anything else might be a further setting."""
    return text.isascii() and all(letter.isalnum() or letter in others for letter in text)


def _table(config: dict[str, Any], name: str) -> dict[str, Any]:
    table = config.get(name)
    return table if isinstance(table, dict) else {}


def _webhooks(config: dict[str, Any]) -> list[dict[str, Any]]:
    tables = config.get("webhook")
    return [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []


def _address(host: str) -> str:
    """Return *host*, with or without a port, where it is an address; else one word for all."""
    bare = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host
    for candidate in (bare, bare.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ANYWHERE


def _is_this_device(host: str) -> bool:
    address = _address(host)
    if address == ANYWHERE:
        return host.partition(":")[0] == "localhost"
    return ipaddress.ip_address(address).is_loopback


def _write(folder: Path, unit: str, lines: list[str]) -> None:
    path = folder / f"{unit}.d" / DROP_IN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
