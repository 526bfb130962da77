"""Checks of the operating system and of Python."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_fer_devices.doctor.finding import Finding, fault, ok, warning

if TYPE_CHECKING:
    from edge_fer_devices.doctor.machine import Machine

OLDEST_PYTHON: Final = (3, 11)
NEWEST_PYTHON: Final = (3, 13)
"""The newest that edge-fer was tested with."""
SERVICE: Final = "edge-fer.service"
UNITS: Final = (
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where the units of systemd lie, the first place first (man 5 systemd.unit)."""
NEW_CARD: Final = "# write Raspberry Pi OS Lite (64-bit) to the card: a system cannot be changed from 32 to 64 bits"


def bits(machine: Machine) -> Finding:
    """Return whether kernel and Python are of 64 bits: LiteRT, NumPy and OpenCV have no wheels for 32-bit Arm."""
    name = machine.facts["machine"]
    if machine.bits == 32:
        return fault(f"this Python is a 32-bit program (on {name}); LiteRT has no package for it", NEW_CARD)
    if name not in ("x86_64", "aarch64", "arm64", "AMD64"):
        return fault(
            f"no package of LiteRT is for {name or 'unknown'} processors", "# use a 64-bit Arm or x86 computer"
        )
    return ok(f"{name}, and Python is of 64 bits")


def python(machine: Machine) -> Finding:
    """Return whether edge-fer was tested with this Python."""
    text = ".".join(map(str, machine.python))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    newest = ".".join(map(str, NEWEST_PYTHON))
    if machine.python < OLDEST_PYTHON:
        return fault(
            f"Python {text}; edge-fer needs {oldest} or later", "# use a newer system: Debian 12, Ubuntu 24.04"
        )
    if machine.python > NEWEST_PYTHON:
        return warning(
            f"Python {text}; edge-fer was tested up to {newest}",
            f"# if something fails: python{newest} -m venv .venv, and install edge-fer there",
        )
    return ok(f"{text}, {machine.executable}")


def glibc(machine: Machine) -> Finding:
    """Return whether the C library is as new as the installed wheels ask for."""
    name, _, version = str(machine.facts["libc"] or "").partition(" ")
    have = _numbers(version)
    if name != "glibc" or not have:
        return fault(
            f"the C library is {machine.facts['libc'] or 'unknown'}, and the wheels of LiteRT and OpenCV are for glibc",
            "# use a system with glibc: Raspberry Pi OS, Debian, Ubuntu; not Alpine",
        )
    for package, installed in machine.packages.items():
        needed = _needed_glibc(installed.tags)
        if needed is not None and needed > have:
            text = ".".join(map(str, needed))
            return fault(
                f"glibc {version}, and {package} {installed.version} was built for {text}",
                f"{machine.pip} --force-reinstall --no-cache-dir {package}",
                "# or use a newer system",
            )
    return ok(f"glibc {version}")


def _needed_glibc(tags: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the oldest glibc that a wheel with these *tags* runs with (PEP 600); None if it does not tell."""
    # A wheel with several tags runs where the least of them does.
    needed = [(int(match[1]), int(match[2])) for tag in tags for match in re.finditer(r"manylinux_(\d+)_(\d+)_", tag)]
    return min(needed, default=None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def clock(machine: Machine) -> Finding:
    """Return whether the clock can be right. Boards without a battery start at the time they were switched off."""
    now = f"{datetime.fromtimestamp(machine.now_s, UTC):%Y-%m-%d %H:%M} UTC"
    remedy = ("sudo timedatectl set-ntp true", "timedatectl status")
    if machine.now_s < machine.installed_s:
        installed = f"{datetime.fromtimestamp(machine.installed_s, UTC):%Y-%m-%d}"
        return fault(f"the clock says {now}, before edge-fer was installed ({installed})", *remedy)
    if machine.exists("/run/systemd/timesync/synchronized") or machine.exists("/run/chrony/chronyd.pid"):
        return ok(f"{now}, set by the network")
    if machine.exists("/etc/systemd/timesyncd.conf") and machine.exists("/run/systemd/system"):
        return warning(f"{now}, not set by the network since it was started", *remedy)
    return ok(f"{now}; what sets it is unknown")


def home(machine: Machine) -> Finding:
    """Return whether this process, and the service, have a home folder: the profile and OpenVINO's cache lie there."""
    folder = machine.environment.get("HOME", "")
    if not folder.startswith("/") or not machine.exists(folder):
        state = f"is {folder!r}, which is no folder" if folder else "is not set"
        return warning(f"HOME {state}: edge-fer finds no profile", "export HOME=/var/lib/edge-fer")
    unit = _unit(machine)
    if unit is None:
        return ok(f"HOME is {folder}; no {SERVICE} is installed")
    served = _home_of(unit, machine)
    if served is None or not machine.exists(served):
        return warning(
            f"{SERVICE} has {'no home folder' if served is None else f'the home folder {served}, which is not there'}",
            f"sudo systemctl edit {SERVICE}",
            "# and write: [Service], then Environment=HOME=/var/lib/edge-fer and StateDirectory=edge-fer",
            f"sudo systemctl restart {SERVICE}",
        )
    return ok(f"HOME is {folder}; that of {SERVICE} is {served}")


def _unit(machine: Machine) -> str | None:
    """Return the text of the service's unit, with its drop-ins; None if it is not installed."""
    for folder in UNITS:
        text = machine.text(f"{folder}/{SERVICE}")
        if text is not None:
            drop_ins = sorted((machine.root / f"etc/systemd/system/{SERVICE}.d").glob("*.conf"))
            return "\n".join([text, *(path.read_text(errors="replace") for path in drop_ins)])
    return None


def _home_of(unit: str, machine: Machine) -> str | None:
    """Return the home folder of the service with this *unit*; systemd takes it from the user's account."""
    user = "root"
    home_folder = None
    for line in unit.splitlines():
        setting = re.match(r"""\s*Environment=.*?\bHOME=([^\s"']+)""", line)
        if setting is not None:
            home_folder = setting[1]
        if line.strip().startswith("User="):
            user = line.partition("=")[2].strip()
    if home_folder is not None:
        return home_folder
    for line in (machine.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if len(fields) > 5 and fields[0] == user:
            return fields[5] or None
    return None
