"""What an image holds: for which processor, which Python, and how it takes settings at its first boot.

The root partition is read by debugfs (e2fsprogs), without mounting. Where that is missing, the names on the boot
partition must do.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput
from edge_fer_devices.card.programs import plain
from edge_fer_devices.running import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_fer_devices.card.boot_partition import BootPartition
    from edge_fer_devices.card.partitions import Layout

CLOUD_INIT: Final = "cloud-init"
FIRSTRUN: Final = "firstrun"
LOADER: Final = "/usr/lib/ld-linux-aarch64.so.1"
LOADER_MULTIARCH: Final = "/usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1"
LOADER_ARMHF: Final = "/usr/lib/ld-linux-armhf.so.3"
CLOUD_INIT_PROGRAM: Final = "/usr/bin/cloud-init"
FIRST_WITH_CLOUD_INIT: Final = 13
"""Version of Debian from which on Raspberry Pi OS has cloud-init."""
CREDENTIALS_FROM: Final = 13
"""Version of Debian whose systemd (257) takes units from the kernel's command line; 256 was the first."""
ONLY_32_BIT: Final = ("kernel7.img", "kernel7l.img")
"""Kernels that only the 32-bit images of Raspberry Pi OS have; kernel8.img is in both."""
TIMEOUT_S: Final = 60


@dataclass(frozen=True)
class Contents:
    """What is known of an image. None where it could not be told."""

    system: str | None
    """Name of the operating system, for people."""
    debian: int | None
    """Version of Debian that it is made from: 12 bookworm, 13 trixie."""
    python: str | None
    """Its Python, as in ``3.13``."""
    has_venv: bool | None
    """Whether its Python can make environments."""
    init: str
    """How it takes settings: `CLOUD_INIT` or `FIRSTRUN`."""
    used: bool
    """Whether its boot partition was given settings before, by us or by another program."""

    @property
    def takes_credentials(self) -> bool:
        """Whether the kernel's command line can bring a unit to its systemd."""
        return self.debian is not None and self.debian >= CREDENTIALS_FROM


def inspect(path: Path, layout: Layout, boot: BootPartition) -> Contents:
    """Return what the image at *path* holds. Raises `BadInput` for one that edge-fer cannot run on."""
    names = boot.names()
    root = _Root(path, layout)
    _check_architecture(path, names, root)
    release = _fields(root.text("/usr/lib/os-release"))
    version = release.get("VERSION_ID", "")
    debian = int(version) if version.isdecimal() else None
    python = _python(root)
    has_venv = root.has(f"/usr/lib/python{python}/venv/__init__.py") if python else None
    return Contents(
        release.get("PRETTY_NAME"), debian, python, has_venv, _init(root, names, debian), _used(boot, names)
    )


def _check_architecture(path: Path, names: Sequence[str], root: _Root) -> None:
    why = ""
    if root.readable:
        if root.has(LOADER) or root.has(LOADER_MULTIARCH):
            return
        if root.has(LOADER_ARMHF):
            why = "its root partition has the loader of armhf, not that of arm64"
    elif any(name in names for name in ONLY_32_BIT):
        why = f"its boot partition has {', '.join(name for name in ONLY_32_BIT if name in names)}"
    if why:
        raise BadInput(
            f"{path} is a 32-bit image (armhf): {why}. There are no wheels of LiteRT and OpenCV for it; "
            "take the 64-bit one (arm64)"
        )
    if root.readable:
        raise BadInput(f"{path} is for another processor than arm64; take Raspberry Pi OS Lite (64-bit)")


def _init(root: _Root, names: Sequence[str], debian: int | None) -> str:
    if root.readable:
        return CLOUD_INIT if root.has(CLOUD_INIT_PROGRAM) else FIRSTRUN
    if "meta-data" in names or (debian or 0) >= FIRST_WITH_CLOUD_INIT:
        return CLOUD_INIT
    return FIRSTRUN


def _used(boot: BootPartition, names: Sequence[str]) -> bool:
    """Return whether somebody has given settings to the image already: then it is no stock image."""
    if "edge-fer" in names or "firstrun.sh" in names or "custom.toml" in names:
        return True
    lines = (boot.read("user-data") or "").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _python(root: _Root) -> str | None:
    """Return the version of the Python that is ``python3``: the target of that link."""
    found = re.search(r'Fast link dest: "python(3\.\d+)"', root.ask("stat /usr/bin/python3"))
    return found[1] if found else None


def _fields(text: str) -> dict[str, str]:
    fields = {}
    for line in text.splitlines():
        name, is_one, value = line.partition("=")
        if is_one:
            fields[name.strip()] = value.strip().strip('"')
    return fields


class _Root:
    """The root partition, as debugfs shows it."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._program = shutil.which("debugfs", path=with_sbin())
        self._path = path
        self._root = layout.root
        self.readable = "Inode:" in self.ask("stat /")

    def ask(self, request: str) -> str:
        """Return what debugfs answers, with its errors; nothing where it cannot be asked."""
        if not self._program or self._root is None:
            return ""
        with plain(self._path) as path:
            where = f"{path}?offset={self._root.offset_bytes}"
            done = run(
                [self._program, "-R", request, where], timeout_s=TIMEOUT_S,
                remedy="download the image again, or install debugfs again: apt install e2fsprogs",
            )  # fmt: skip
        return done.stdout

    def has(self, path: str) -> bool:
        """Return whether the file *path* is there."""
        return "Inode:" in self.ask(f"stat {path}")

    def text(self, path: str) -> str:
        """Return the content of the file *path*; nothing if it is not there."""
        return self.ask(f"cat {path}")


def with_sbin() -> str:
    """Return the path of programs, with the folders that some accounts lack."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
