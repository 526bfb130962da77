"""The steps that install edge-fer from the card, without a network, in an order that a power cut may end anywhere.

Each step raises `StepFailed`, and can be run again. Nothing is enabled before the golden answers match.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import shutil
import sys
import time
import tomllib
from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.first_boot import writing
from edge_fer_devices.first_boot.commands import StepFailed, run, succeeds
from edge_fer_devices.first_boot.persisting import disable, enable
from edge_fer_devices.first_boot.places import KIOSK_UNIT, SERVICE_UNIT, USER, WATCHDOG

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_devices.first_boot.places import Places

GROUPS: Final = ("video", "render", "gpio", "i2c", "spi")
"""Groups that may use cameras, the graphics processor and pins. Those that the system lacks are left out."""
NEEDED_MB: Final = 400
"""Free space that installing takes for a moment, in MiB."""
COMPLETE: Final = ".complete"
INSTALLER: Final = "installer-"
"""How the name of the wheel begins that installs the others."""
NOT_RUN: Final = "/(tests|f2py|pydantic/v1|edge_fer_train|edge_fer_convert)/|schema_py_generated"
"""What need not be compiled: more than half of all code, which nobody runs on a device."""
PATIENCE: Final = 30
"""How often something is tried again: cloud-init may be editing the same accounts, or growing the root partition."""
PAUSE_S: Final = 1.0


def check_machine(places: Places, card: dict[str, Any]) -> str:
    """Check that the card is for this machine and for its Python."""
    del places
    machine = os.uname().machine
    if machine != card["machine"]:
        raise StepFailed(f"the card is for {card['machine']}, this is {machine}; flash a 64-bit image")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python != card["python"]:
        raise StepFailed(
            f"the card's wheels are for Python {card['python']}, this is {python}; flash again with --python {python}"
        )
    return f"{machine}, Python {python}"


def check_files(places: Places, card: dict[str, Any]) -> str:
    """Check what was copied to the card against the checksums that its writer noted."""
    for name, expected in card["files"].items():
        path = places.card / name
        try:
            found = _sha256(path)
        except OSError as exc:
            raise StepFailed(f"{path} cannot be read: {exc.strerror}; flash the card again") from exc
        if found != expected:
            raise StepFailed(f"{path} is damaged: its sha256 is {found[:12]}…; flash the card again")
    return f"{len(card['files'])} files"


def check_room(places: Places, card: dict[str, Any]) -> str:
    """Check that the root partition has room for the installation; the system may still be growing it."""
    del card
    places.prefix.mkdir(parents=True, exist_ok=True)
    for _ in range(PATIENCE):
        free_mb = shutil.disk_usage(places.prefix).free >> 20
        if free_mb >= NEEDED_MB:
            return f"{free_mb} MiB free"
        time.sleep(PAUSE_S)
    raise StepFailed(f"{free_mb} MiB are free on the root partition, {NEEDED_MB} are needed; use a larger card")


def make_user(places: Places, card: dict[str, Any]) -> str:
    """Make the account of the service, and let it use the camera."""
    del places, card
    if not has_user(USER):
        _patiently(
            "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/var/lib/edge-fer", "--shell",
            "/usr/sbin/nologin", USER,
        )  # fmt: skip
    groups = [group for group in GROUPS if has_group(group)]
    if groups:
        _patiently("usermod", "--append", "--groups", ",".join(groups), USER)
    return f"{USER} in {', '.join(groups) or 'no further group'}"


def install(places: Places, card: dict[str, Any]) -> str:
    """Install the wheels of the card into an environment of their own, then let the link `Places.venv` show it."""
    # By what it holds: a card with other wheels gets another environment, and the one in use stays whole.
    target = places.prefix / f"venv-{card['wheelhouse'][:12]}"
    if not (target / COMPLETE).exists():
        shutil.rmtree(target, ignore_errors=True)
        run([sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", target])
        _unpack(places.card / "wheelhouse", target / "bin/python")
        # The service could not do it, as it may not write there. In all cores at once.
        packages = target.glob("lib/python*/site-packages")
        run([target / "bin/python", "-m", "compileall", "-q", "-j", "0", "-x", NOT_RUN, *packages])
        os.sync()
        writing.write(target / COMPLETE, card["wheelhouse"] + "\n")
    _point(places.venv, target)
    for other in places.prefix.glob("venv-*"):
        if other.name != target.name:
            shutil.rmtree(other, ignore_errors=True)
    return target.name


def _unpack(folder: Path, python: Path) -> None:
    """Install all wheels of *folder* for *python*, by ``installer``: one of them, which runs where it lies.

    The wheels are a complete set, and were checked against their sums. Raises `StepFailed`.
    """
    tools = list(folder.glob(f"{INSTALLER}*.whl"))
    if not tools:
        raise StepFailed("the card has nothing to install wheels with; flash it again")
    wheels = [path for path in sorted(folder.glob("*.whl")) if path not in tools]
    run([python, "-m", "installer", "--no-compile-bytecode", *wheels], environment={"PYTHONPATH": str(tools[0])})


def configure(places: Places, card: dict[str, Any]) -> str:
    """Copy the settings, the profile and the bundle of the card to where the service reads them."""
    places.settings.mkdir(parents=True, exist_ok=True)
    copied = []
    for name in ("config.toml", "profile.toml"):
        source = places.card / name
        if source.exists():
            writing.write(places.settings / name, _edited(source))
            copied.append(name)
    bundle = places.card / "bundle"
    if bundle.is_dir():
        fresh = places.prefix / "bundle.part"
        shutil.rmtree(fresh, ignore_errors=True)
        # Without the modes of FAT, on which everything may be executed.
        shutil.copytree(bundle, fresh, copy_function=shutil.copyfile)
        os.sync()
        shutil.rmtree(places.prefix / "bundle", ignore_errors=True)
        fresh.replace(places.prefix / "bundle")
        copied.append("bundle")
    del card
    return ", ".join(copied)


def _edited(path: Path) -> str:
    """Return the settings at *path*, which people edit on any computer. Raises `StepFailed` if nobody can read them."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # without the mark that editors of Windows write
        tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        reason = " ".join(str(exc).split())
        raise StepFailed(f"{path.name} on the boot partition cannot be used: {reason}; mend it") from exc
    return text


def verify(places: Places, card: dict[str, Any]) -> str:
    """Let the bundle compute its golden answers here, as the account of the service."""
    command = [places.venv / "bin/edge-fer", "verify", card["model"]]
    # Not as root: the bundle may come from outside.
    said = run(["runuser", "-u", USER, "--", "env", "HOME=/var/lib/edge-fer", "XDG_CONFIG_HOME=/etc", *command])
    return "; ".join(said.split("\n"))[:300].strip("; ")


def install_units(places: Places, card: dict[str, Any]) -> str:
    """Install the units, enable the service, and the kiosk where there is a screen and its programs."""
    del card
    source = places.card / "lib/edge_fer_devices/first_boot/units"
    for unit in (SERVICE_UNIT, KIOSK_UNIT):
        writing.write(places.units / unit, (source / unit).read_text())
    writing.write(places.generator, (source.parent / "permissions.py").read_text(), mode=0o755)
    writing.write(places.watchdog, (source / WATCHDOG).read_text())
    enable(places, SERVICE_UNIT)
    wanting = _without_screen(places)
    if wanting:
        disable(places, KIOSK_UNIT)
    else:
        enable(places, KIOSK_UNIT)
    run(["systemctl", "daemon-reload"])
    return f"{SERVICE_UNIT}; no kiosk: {wanting}" if wanting else f"{SERVICE_UNIT}, {KIOSK_UNIT}"


def start(places: Places, card: dict[str, Any]) -> str:
    """Start what is enabled; the service's health is asked for later."""
    del card
    run(["systemctl", "restart", "--no-block", SERVICE_UNIT])
    if not _without_screen(places):
        run(["systemctl", "restart", "--no-block", KIOSK_UNIT])
    return ""


def note_done(places: Places, card: dict[str, Any]) -> str:
    """Note that this card is installed, so that the next boot only starts the service."""
    os.sync()
    writing.write(places.done, json.dumps({"card": card["id"], "wheelhouse": card["wheelhouse"]}) + "\n")
    return ""


def is_done(places: Places, card: dict[str, Any]) -> bool:
    """Return whether this card was installed completely on an earlier boot."""
    try:
        noted = json.loads(places.done.read_text())
    except (OSError, ValueError):
        return False
    return isinstance(noted, dict) and noted.get("card") == card["id"] and places.venv.exists()


def _without_screen(places: Places) -> str:
    """Return what a kiosk lacks here; nothing where it can be shown."""
    missing = [name for name in ("cage", "chromium") if not shutil.which(name)]
    if missing:
        return f"{' and '.join(missing)} not installed"
    for connector in places.root.glob("sys/class/drm/card*-*/status"):
        if connector.read_text().strip() == "connected":
            return ""
    return "no screen is connected"


def _point(link: Path, target: Path) -> None:
    """Let *link* show *target*, which is beside it; at once, so that it never shows nothing."""
    fresh = link.with_name(link.name + ".part")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.name)
    fresh.replace(link)


def _patiently(*command: str) -> None:
    """Run *command*; again while another program, such as cloud-init, holds the files of the accounts."""
    for _ in range(PATIENCE):
        if succeeds(command):
            return
        time.sleep(PAUSE_S)
    run(command)


def has_user(name: str) -> bool:
    """Return whether there is an account *name*."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def has_group(name: str) -> bool:
    """Return whether there is a group *name*."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
