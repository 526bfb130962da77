"""What stays on the device: the unit of the first boot, the data partition, and a root that nobody writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edge_fer_devices.first_boot import writing
from edge_fer_devices.first_boot.commands import StepFailed, run, succeeds
from edge_fer_devices.first_boot.places import DATA_LABEL, FIRST_BOOT_UNIT

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_devices.first_boot.places import Places

WANTED_BY: Final = "multi-user.target.wants"
UNITS: Final = "lib/edge_fer_devices/first_boot/units"
MOUNT_ORDER: Final = "[Unit]\nRequiresMountsFor=/boot/firmware\n"
"""cloud-init may start before the boot partition, from which it reads, is mounted."""
OVERLAY: Final = "edge-fer-overlay"
OVERLAY_PATH: Final = f"/usr/local/sbin/{OVERLAY}"
DATA_PATH: Final = "/var/lib/edge-fer"
# nofail: a broken data partition must not stop the boot. commit: at most five seconds are lost at a power cut.
FSTAB_LINE: Final = (
    f"LABEL={DATA_LABEL} {DATA_PATH} ext4 "
    "nodev,nosuid,noexec,noatime,commit=5,nofail,x-systemd.device-timeout=60s 0 2\n"
)


def keep_unit(places: Places, card: dict[str, Any]) -> str:
    """Keep the first boot's own unit, so that what fails now is tried again on the next boot."""
    unit = (places.card / UNITS / FIRST_BOOT_UNIT).read_text()
    writing.write(places.units / FIRST_BOOT_UNIT, unit)
    if card.get("instance_id"):
        writing.write(places.units / "cloud-init-local.service.d/edge-fer.conf", MOUNT_ORDER)
    enable(places, FIRST_BOOT_UNIT)
    return FIRST_BOOT_UNIT


def enable(places: Places, unit: str) -> None:
    """Let *unit* be started at each boot.

    By hand: systemctl refuses that while the kernel's command line brings a unit of the same name, and it reads all
    units again each time, which takes seconds.
    """
    wanted = places.units / WANTED_BY / unit
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if not wanted.is_symlink():
        wanted.symlink_to(f"../{unit}")


def disable(places: Places, unit: str) -> None:
    """Let *unit* not be started at a boot."""
    (places.units / WANTED_BY / unit).unlink(missing_ok=True)


def grow_root(places: Places, card: dict[str, Any]) -> str:
    """Let the root's file system fill its partition, which the card's writer made larger; only with a read-only root.

    Without one, the operating system grows its root as it always does.
    """
    del places
    if not card.get("read_only"):
        return "left to the operating system"
    source = run(["findmnt", "--noheadings", "--output", "SOURCE", "/"]).strip()
    run(["resize2fs", source])
    return source


def mount_data(places: Places, card: dict[str, Any]) -> str:
    """Mount the data partition where the service keeps its events; only with a read-only root."""
    if not card.get("read_only"):
        return "none"
    fstab = places.root / "etc/fstab"
    lines = fstab.read_text()
    if f"LABEL={DATA_LABEL} " not in lines:
        writing.write(fstab, lines.rstrip("\n") + "\n" + FSTAB_LINE)
    (places.root / DATA_PATH[1:]).mkdir(parents=True, exist_ok=True)
    if not succeeds(["mountpoint", "--quiet", DATA_PATH]):
        run(["mount", DATA_PATH])
    return DATA_PATH


def make_read_only(places: Places, card: dict[str, Any]) -> str:
    """Let the next boot lay a file system of memory over the root, which is not written to from then on."""
    if not card.get("read_only"):
        return "not asked for"
    script = places.root / OVERLAY_PATH[1:]
    writing.write(script, (places.card / UNITS / OVERLAY).read_text(), mode=0o755)
    line = places.boot / "cmdline.txt"
    if not line.is_file():
        raise StepFailed(f"{line} is missing: the kernel cannot be told to start {OVERLAY_PATH}")
    _start_with_overlay(line)
    return "from the next boot on"


def _start_with_overlay(line: Path) -> None:
    before = line.read_text()
    words = [word for word in before.split() if not word.startswith("init=")]
    after = " ".join([*words, f"init={OVERLAY_PATH}"]) + "\n"
    if after.split() != before.split():
        writing.update(line, after)
