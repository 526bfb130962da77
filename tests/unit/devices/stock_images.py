"""Stock images in miniature: the partitions and the few files by which an image is known, made in a moment."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from edge_fer_devices.card import partitions

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MIB = 1 << 20
BOOT_AT = 8192
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1234-02 rootfstype=ext4 rootwait resize\n"


def tool(name: str) -> str:
    """Return the path of the program *name*; skip the test where it is missing."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not installed: apt install mtools dosfstools e2fsprogs")
    return found


def make(
    path: Path, *, boot_mib: int = 160, root_mib: int = 16, arch: str = "aarch64", debian: int = 13,
    cloud_init: bool = True, boot_files: dict[str, str] | None = None, venv: bool = True,
) -> Path:  # fmt: skip
    """Write an image to *path*, as Raspberry Pi OS lays it out: MBR, FAT32 at sector 8192, ext4 after it."""
    boot_sectors = boot_mib * MIB // 512
    root_sectors = root_mib * MIB // 512
    table = bytearray(512)
    table[-2:] = partitions.SIGNATURE
    sector = partitions.with_entry(bytes(table), 1, BOOT_AT, boot_sectors, kind=0x0C)
    sector = partitions.with_entry(sector, 2, BOOT_AT + boot_sectors, root_sectors)
    with path.open("wb") as file:
        file.write(sector)
        file.truncate((BOOT_AT + boot_sectors + root_sectors) * 512)
    _boot(path, boot_mib, {"cmdline.txt": CMDLINE, "config.txt": "arm_64bit=1\n", **(boot_files or {})})
    _root(path, (BOOT_AT + boot_sectors) * 512, root_mib, arch, debian, cloud_init=cloud_init, venv=venv)
    return path


def _boot(path: Path, boot_mib: int, contents: dict[str, str]) -> None:
    mkfs = tool("mkfs.vfat")
    subprocess.run(
        [mkfs, "-F", "32", "-n", "bootfs", f"--offset={BOOT_AT}", path, str(boot_mib * 1024)], check=True,
        capture_output=True,
    )  # fmt: skip
    for name, text in contents.items():
        subprocess.run(
            [tool("mcopy"), "-i", f"{path}@@{BOOT_AT * 512}", "-", f"::{name}"], input=text.encode(), check=True,
            env={"MTOOLS_SKIP_CHECK": "1"},
        )  # fmt: skip


def _root(path: Path, offset: int, root_mib: int, arch: str, debian: int, *, cloud_init: bool, venv: bool) -> None:
    root = path.with_name(f"{path.name}.root")
    python = {12: "3.11", 13: "3.13"}[debian]
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/python3").symlink_to(f"python{python}")
    lib = root / "usr/lib"
    lib.mkdir()
    loader = {"aarch64": "ld-linux-aarch64.so.1", "armhf": "ld-linux-armhf.so.3", "amd64": "ld-linux.so.2"}[arch]
    (lib / loader).touch()
    (lib / "os-release").write_text(f'PRETTY_NAME="Debian GNU/Linux {debian} (test)"\nVERSION_ID="{debian}"\n')
    if venv:
        (lib / f"python{python}/ensurepip").mkdir(parents=True)
        (lib / f"python{python}/ensurepip/__init__.py").touch()
    if cloud_init:
        (root / "usr/bin/cloud-init").touch()
    subprocess.run(
        [tool("mke2fs"), "-q", "-t", "ext4", "-L", "rootfs", "-d", root, "-E", f"offset={offset}", path,
         f"{root_mib}M"], check=True, capture_output=True,
    )  # fmt: skip
    shutil.rmtree(root)
