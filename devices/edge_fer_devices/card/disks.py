"""The disks of this machine, and which of them a card may be."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import BadInput, MissingDependency, SinkError
from edge_fer_devices.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS: Final = "PATH,TYPE,SIZE,VENDOR,MODEL,TRAN,RO,RM,MOUNTPOINTS,FSTYPE,LABEL"
MAX_BYTES: Final = 256 * 10**9
"""Size of the largest disk that is taken for a card without ``--force``, as makers count it."""
TIMEOUT_S: Final = 30
KINDS: Final = ("disk", "loop")
SYSTEM: Final = frozenset({"/", "/boot", "/boot/efi", "/boot/firmware", "/home", "/usr", "/var", "[SWAP]"})
"""Where a disk of the system is mounted."""


@dataclass(frozen=True)
class Part:
    """A partition, or what lies in one, as an encrypted disk does."""

    path: str
    size_bytes: int
    file_system: str
    label: str
    mounted: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as a line for people."""
        name = f" {self.label!r}" if self.label else ""
        where = f", mounted at {', '.join(self.mounted)}" if self.mounted else ""
        return f"{self.path}: {self.size_bytes / 1e9:.1f} GB, {self.file_system or 'no file system'}{name}{where}"


@dataclass(frozen=True)
class Disk:
    """A whole disk."""

    path: str
    kind: str
    size_bytes: int
    model: str
    bus: str
    read_only: bool
    removable: bool
    parts: tuple[Part, ...]
    """All that is on it, itself first."""

    @property
    def name(self) -> str:
        """Its name without the folder, as in ``sdb``."""
        return self.path.rpartition("/")[2]

    @property
    def mounted(self) -> tuple[str, ...]:
        """Where anything of it is mounted."""
        return tuple(place for part in self.parts for place in part.mounted)

    def lines(self) -> list[str]:
        """Return what a person has to know before it is overwritten, in lines."""
        made = self.model or "unknown model"
        first = f"{self.path}: {made}, {self.size_bytes / 1e9:.1f} GB{f', {self.bus}' if self.bus else ''}"
        return [first, *(f"  {part}" for part in self.parts[1:])]


def find(path: str) -> Disk:
    """Return the disk at *path*. Raises `BadInput` if there is none, `MissingDependency` without lsblk."""
    known = disks()
    for disk in known:
        if disk.path == path:
            return disk
        if any(part.path == path for part in disk.parts[1:]):
            raise BadInput(f"{path} is a part of {disk.path}; pass the whole card: --card {disk.path}")
    names = ", ".join(disk.path for disk in known if not _reasons(disk, force=False)) or "none"
    raise BadInput(f"there is no disk {path}; those that a card may be: {names}. Is it in the reader?")


def disks() -> list[Disk]:
    """Return all disks of this machine. Raises `MissingDependency`, `SinkError`."""
    program = shutil.which("lsblk")
    if program is None:
        raise MissingDependency("lsblk is not installed, so nothing tells cards from disks: use --out and an imager")
    command = [program, "--json", "--bytes", "--output", COLUMNS]
    done = run(command, timeout_s=TIMEOUT_S, remedy="take the card out, insert it again, and try again")
    try:
        devices = json.loads(done.stdout)["blockdevices"]
    except (ValueError, KeyError) as exc:
        raise SinkError(f"lsblk does not tell which disks there are: {done.stderr.strip()[:200]}") from exc
    return [_disk(device) for device in devices if device["type"] in KINDS]


def check_same(disk: Disk) -> None:
    """Raise `BadInput` unless *disk* is as it was: passwords take time to type, and a card is soon changed."""
    if find(disk.path) != disk:
        raise BadInput(f"{disk.path} is not what it was when you were asked; nothing was written: start again")


def check(disk: Disk, *, image_bytes: int | None, force: bool) -> None:
    """Raise `BadInput` unless a card may be written to *disk*, and `SinkError` if the image does not fit on it.

    *force* allows a disk of more than `MAX_BYTES`, and nothing else.
    """
    reasons = _reasons(disk, force=force)
    if reasons:
        raise BadInput(f"{disk.path} is not written: {reasons[0]}")
    if image_bytes is not None and image_bytes > disk.size_bytes:
        raise SinkError(
            f"{disk.path} has {disk.size_bytes / 1e9:.1f} GB, the image needs {image_bytes / 1e9:.1f} GB; "
            "use a larger card"
        )


def _reasons(disk: Disk, *, force: bool) -> list[str]:
    """Return why *disk* is no card, the gravest reason first."""
    reasons = []
    mounted = set(disk.mounted)
    if mounted & SYSTEM:
        reasons.append(f"it is this system's own disk, mounted at {', '.join(sorted(mounted & SYSTEM))}")
    elif mounted:
        reasons.append(f"it is mounted at {', '.join(sorted(mounted))}; unmount it: umount {disk.path}?*")
    if disk.size_bytes == 0:
        reasons.append("there is no card in the reader; insert it")
    if disk.read_only:
        reasons.append("it is write-protected; move the switch at the card's side")
    if disk.size_bytes > MAX_BYTES and not force:
        reasons.append(f"it has {disk.size_bytes / 1e9:.0f} GB, more than a card; pass --force if it is one")
    return reasons


def _disk(device: dict[str, Any]) -> Disk:
    words = [str(device[key]).strip() for key in ("vendor", "model") if device.get(key)]
    return Disk(
        device["path"],
        device["type"],
        int(device["size"] or 0),
        " ".join(words),
        device.get("tran") or "",
        bool(device["ro"]),
        bool(device["rm"]),
        tuple(_parts(device)),
    )


def _parts(device: dict[str, Any]) -> Iterator[Part]:
    # A file system that is mounted nowhere has the mount point None.
    mounted = tuple(place for place in device.get("mountpoints") or () if place)
    yield Part(device["path"], int(device["size"] or 0), device.get("fstype") or "", device.get("label") or "", mounted)
    for child in device.get("children") or ():
        yield from _parts(child)
