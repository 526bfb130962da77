"""Stock images in miniature, and the command ``edge-fer flash`` on them.

An image has the partitions and the few files by which it is known, and is made in a moment.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from edge_fer_devices.card import partitions
from edge_fer_devices.card.boot_partition import BootPartition
from edge_fer_devices.card.command import flash

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MIB = 1 << 20
BOOT_AT = 8192
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1234-02 rootfstype=ext4 rootwait resize\n"


def tool(name):
    """Return the path of the program *name*; skip the test where it is missing."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:{PATH}")
    if found is None:
        pytest.skip(f"{name} is not installed: apt install mtools dosfstools e2fsprogs")
    return found


@pytest.fixture(scope="session")
def stock_of(tmp_path_factory):
    """Return a function that gives the path of a stock image of the kind that its arguments say."""
    known = {}

    def give(**kind):
        key = repr(sorted(kind.items()))
        if key not in known:
            known[key] = make(tmp_path_factory.mktemp("stock") / "stock.img", **kind)
        return known[key]

    return give


@pytest.fixture
def stock(stock_of):
    """The path of a stock image as most people have it: Raspberry Pi OS trixie, 64-bit."""
    return stock_of()


@pytest.fixture
def flashed(tmp_path, wheels):
    """Return a function that calls ``edge-fer flash`` and returns the boot partition of what it wrote."""
    tool("mcopy")
    folder = wheels()

    def call(image, *arguments, out=tmp_path / "new.img", wheelhouse=folder, **more):
        words = [str(image), "--out", str(out), "--wheelhouse", str(wheelhouse), *map(str, arguments)]
        done = CliRunner().invoke(flash, words, standalone_mode=False, **more)
        if done.exception is not None:
            raise done.exception
        return BootPartition(out, BOOT_AT * 512)

    return call


def make(path, *, boot_mib=40, root_mib=8, arch="aarch64", debian=13, cloud_init=True, boot_files=None, venv=True):
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


def _boot(path, boot_mib, contents):
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


def _root(path, offset, root_mib, arch, debian, *, cloud_init, venv):
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
        (lib / f"python{python}/venv").mkdir(parents=True)
        (lib / f"python{python}/venv/__init__.py").touch()
    if cloud_init:
        (root / "usr/bin/cloud-init").touch()
    subprocess.run(
        [tool("mke2fs"), "-q", "-t", "ext4", "-L", "rootfs", "-d", root, "-E", f"offset={offset}", path,
         f"{root_mib}M"], check=True, capture_output=True,
    )  # fmt: skip
    shutil.rmtree(root)
