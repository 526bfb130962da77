"""The table of partitions (MBR) at the start of an image, and what tells a FAT file system."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

SECTOR_BYTES: Final = 512
TABLE_AT: Final = 446
ENTRY: Final = struct.Struct("<B3xB3xII")
"""Of 16 bytes: flag, (start), type, (end), first sector, number of sectors."""
SIGNATURE: Final = b"\x55\xaa"
FAT_TYPES: Final = frozenset({0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E})
LINUX_TYPE: Final = 0x83
GPT_TYPE: Final = 0xEE
ENTRIES: Final = 4
ALIGN_SECTORS: Final = 8192
"""Partitions begin at multiples of 4 MiB, as Raspberry Pi OS has them."""


@dataclass(frozen=True)
class Partition:
    """One entry of the table."""

    number: int
    """From 1."""
    type: int
    start: int
    """First sector."""
    sectors: int

    @property
    def offset_bytes(self) -> int:
        """Where it begins."""
        return self.start * SECTOR_BYTES

    @property
    def size_bytes(self) -> int:
        """How large it is."""
        return self.sectors * SECTOR_BYTES

    @property
    def end(self) -> int:
        """First sector after it."""
        return self.start + self.sectors


@dataclass(frozen=True)
class Layout:
    """The partitions that a card needs."""

    boot: Partition
    root: Partition | None
    last: int
    """First sector after all partitions."""


class Readable(Protocol):
    """What can be read anywhere."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to *offset*."""
        ...

    def read(self, size: int = -1, /) -> bytes:
        """Return the next *size* bytes."""
        ...


def read(file: Readable, path: Path, size_bytes: int) -> Layout:
    """Return the layout of the image of *size_bytes* in *file*, called *path*. Raises `BadInput`."""
    file.seek(0)
    table = parse(file.read(SECTOR_BYTES), path)
    last = max(partition.end for partition in table)
    if last * SECTOR_BYTES > size_bytes:
        raise BadInput(
            f"{path} ends too early: its partitions need {last * SECTOR_BYTES} bytes, it has {size_bytes}; "
            "download it again"
        )
    boot = next((partition for partition in table if partition.type in FAT_TYPES), None)
    if boot is None:
        raise BadInput(f"{path} has no boot partition with FAT; pass an image of Raspberry Pi OS Lite (64-bit)")
    _check_apart(table, path)
    file.seek(boot.offset_bytes)
    first = file.read(SECTOR_BYTES)
    if not is_fat(first):
        raise BadInput(f"the boot partition of {path} has no FAT file system; download the image again")
    # What is written to the file system would land in the partition after it.
    if fat_bytes(first) > boot.size_bytes:
        raise BadInput(f"the file system of {path} is larger than its boot partition; download the image again")
    root = next((partition for partition in table if partition.type == LINUX_TYPE), None)
    return Layout(boot, root, last)


def parse(sector: bytes, path: Path) -> list[Partition]:
    """Return the partitions of the table in *sector*, the first of an image. Raises `BadInput` if there is none."""
    if len(sector) < SECTOR_BYTES or sector[-2:] != SIGNATURE:
        raise BadInput(
            f"{path} is no image of a card: it has no table of partitions; pass an .img, .img.xz or .img.zst"
        )
    partitions = []
    for index in range(ENTRIES):
        _, kind, start, sectors = ENTRY.unpack_from(sector, TABLE_AT + index * ENTRY.size)
        if kind == GPT_TYPE:
            raise BadInput(f"{path} has a GPT; a Raspberry Pi's image with an MBR is needed")
        if kind and sectors:
            partitions.append(Partition(index + 1, kind, start, sectors))
    if not partitions:
        raise BadInput(f"{path} has no partitions; pass an image of Raspberry Pi OS Lite (64-bit)")
    return partitions


def is_fat(sector: bytes) -> bool:
    """Return whether *sector* is the first one of a FAT12, FAT16 or FAT32 file system."""
    # The names stand at fixed places, and the sector's size is said before them.
    named = sector[54:57] == b"FAT" or sector[82:85] == b"FAT"
    return named and sector[-2:] == SIGNATURE and struct.unpack_from("<H", sector, 11)[0] in (512, 1024, 2048, 4096)


def fat_bytes(sector: bytes) -> int:
    """Return the size of the FAT file system that begins with *sector*."""
    sector_bytes, few, many = struct.unpack_from("<H6xH11xI", sector, 11)
    return int(sector_bytes * (few or many))


def _check_apart(table: list[Partition], path: Path) -> None:
    """Raise `BadInput` if two partitions of *table* overlap, or one contains the table."""
    end = 1
    for partition in sorted(table, key=lambda partition: partition.start):
        if partition.start < end:
            raise BadInput(f"{path} has partitions that overlap; download the image again")
        end = partition.end


def with_entry(sector: bytes, number: int, start: int, sectors: int, kind: int = LINUX_TYPE) -> bytes:
    """Return *sector* with entry *number*, from 1, set anew; addresses by cylinder stay as they are."""
    table = bytearray(sector)
    at = TABLE_AT + (number - 1) * ENTRY.size
    ENTRY.pack_into(table, at, table[at], kind, start, sectors)
    return bytes(table)
