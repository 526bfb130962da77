"""Space for a card with a read-only root: a root partition with room to install, and a partition that stays writable.

Both are made when the image is, since the operating system would otherwise grow its root over the whole card.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from edge_fer.errors import BadInput, MissingDependency, SinkError, one_line
from edge_fer_devices.card import partitions
from edge_fer_devices.card.inspection import with_sbin
from edge_fer_devices.card.partitions import ALIGN_SECTORS, SECTOR_BYTES
from edge_fer_devices.first_boot.places import DATA_LABEL
from edge_fer_devices.running import run

if TYPE_CHECKING:
    from pathlib import Path

    from edge_fer_devices.card.partitions import Layout

ROOM_BYTES: Final = 1 << 30
"""By how much the root partition grows."""
DATA_BYTES: Final = 256 << 20
"""Size of the partition that stays writable."""
WORDS: Final = ("resize", "init=/usr/lib/raspberrypi-sys-mods/firstboot")
"""Words of the kernel's command line by which Raspberry Pi OS grows its root over the card."""
BLOCK_BYTES: Final = 1 << 20
TIMEOUT_S: Final = 300


@dataclass(frozen=True)
class Plan:
    """Where everything is to be."""

    sector: bytes
    """The first one of the image, with the new table."""
    data_at: int
    """Where the writable partition begins, in bytes."""
    size_bytes: int
    """Size of the whole image."""


def plan(layout: Layout, sector: bytes, path: Path) -> Plan:
    """Return the plan for the image at *path*, with *layout* and the first *sector*. Raises `BadInput`."""
    root = layout.root
    if root is None or root.end != layout.last:
        raise BadInput(f"the root partition of {path} is not the last one; pass a stock image, or no --read-only")
    table = partitions.parse(sector, path)
    free = next((number for number in range(1, 5) if number not in {entry.number for entry in table}), None)
    if free is None:
        raise BadInput(f"{path} has four partitions already; pass a stock image, or no --read-only")
    data_start = _aligned(root.end + ROOM_BYTES // SECTOR_BYTES)
    data_sectors = DATA_BYTES // SECTOR_BYTES
    grown = partitions.with_entry(sector, root.number, root.start, data_start - root.start)
    return Plan(
        partitions.with_entry(grown, free, data_start, data_sectors),
        data_start * SECTOR_BYTES,
        (data_start + data_sectors) * SECTOR_BYTES,
    )


def make_file_system(path: Path) -> None:
    """Make the writable partition's file system, empty, in a new file at *path*. Raises `EdgeFerError`."""
    program = shutil.which("mke2fs", path=with_sbin())
    if program is None:
        raise MissingDependency("mke2fs is not installed: apt install e2fsprogs")
    with path.open("wb") as file:
        file.truncate(DATA_BYTES)
    # metadata_csum finds what a card has lost; the journal is on, as ext4 has it.
    command = [program, "-q", "-F", "-t", "ext4", "-L", DATA_LABEL, "-O", "metadata_csum", "-m", "0", str(path)]
    done = run(command, timeout_s=TIMEOUT_S, remedy="write elsewhere, or make room")
    if done.returncode != 0:
        raise SinkError(f"the writable partition cannot be made: {one_line(done.stderr)}")


def copy(source: Path, target: BinaryIO, at: int, *, sparse: bool) -> None:
    """Copy the file at *source* into *target* from byte *at* on; *sparse* leaves out what is empty."""
    zeros = bytes(BLOCK_BYTES)
    with source.open("rb") as file:
        target.seek(at)
        while block := file.read(BLOCK_BYTES):
            if sparse and block == zeros[: len(block)]:
                target.seek(len(block), os.SEEK_CUR)
            else:
                target.write(block)


def _aligned(sector: int) -> int:
    return -(-sector // ALIGN_SECTORS) * ALIGN_SECTORS
