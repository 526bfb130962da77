"""Zips as other programs, damage and malice write them."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fuzz.damage import damage

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

STORED: Final = 0
DEFLATED: Final = 8
METHODS: Final = (0, 1, 6, 8, 9, 12, 14, 93, 95, 96, 97, 98, 99, 255)
"""Stored, deflate, those that no reader has any more, bzip2, LZMA, Zstandard, XZ, AES, one that does not exist."""
NAMES: Final = (
    b"../manifest.json", b"/etc/passwd", b"manifest.json/", b"C:\\x", b"a/b", b"\xff\xfe.json", b"", b"x" * 60_000,
    "é.json".encode(), b"\x1b[2J", b"manifest.json\0.png", b".", b"..", b"con", b"manifest.JSON",
)  # fmt: skip
FLAGS: Final = (0, 1, 1 << 3, 1 << 5, 1 << 6, 1 << 11, 1 << 13, 0xFFFF)
"""Encrypted, sizes after the data, patched, strong encryption, UTF-8 names, hidden, all."""
VERSIONS: Final = (0, 10, 20, 45, 51, 63, 64, 90, 255)


@dataclass
class Member:
    """One file as the zip describes it, twice: before its data and in the directory at the end."""

    name: bytes
    data: bytes
    """As it is stored."""
    method: int
    checksum: int
    size: int
    packed: int
    flags: int = 0
    version: int = 20
    extra: bytes = b""
    mode: int = 0o100644
    offset_by: int = 0
    """How far the directory's offset is wrong."""

    def head(self) -> bytes:
        """Return the header before the data."""
        return (
            b"PK\3\4"
            + self._fields()
            + struct.pack("<HH", len(self.name) & 0xFFFF, len(self.extra))
            + self.name
            + self.extra
        )

    def directory(self, offset: int) -> bytes:
        """Return the entry of the directory."""
        at = (offset + self.offset_by) & 0xFFFFFFFF
        lengths = struct.pack("<HHHHHII", len(self.name) & 0xFFFF, len(self.extra), 0, 0, 0, self.mode << 16, at)
        return b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + self._fields() + lengths + self.name + self.extra

    def _fields(self) -> bytes:
        return struct.pack(
            "<HHHHHIII", self.version, self.flags, self.method, 0, 33, self.checksum, self.packed, self.size
        )


def write(rng: random.Random, files: dict[str, bytes], *, plain: bool) -> bytes:
    """Return *files* as a zip; unless *plain*, with something wrong in it."""
    if plain:
        return _by_library(files, zipfile.ZIP_DEFLATED)
    act = rng.choice(ACTS)
    members = [_member(name.encode(), content) for name, content in files.items()]
    return act(rng, members)


def _by_library(files: dict[str, bytes], method: int) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    return out.getvalue()


def _member(name: bytes, content: bytes, method: int = DEFLATED) -> Member:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = packer.compress(content) + packer.flush() if method == DEFLATED else content
    return Member(name, data, method, zlib.crc32(content), len(content), len(data))


def _joined(members: list[Member], count: int | None = None, comment: bytes = b"") -> bytes:
    body = b""
    offsets = []
    for member in members:
        offsets.append(len(body))
        body += member.head() + member.data
    directory = b"".join(member.directory(offset) for member, offset in zip(members, offsets, strict=True))
    number = (len(members) if count is None else count) & 0xFFFF
    end = struct.pack("<HHHHIIH", 0, 0, number, number, len(directory), len(body), len(comment))
    return body + directory + b"PK\5\6" + end + comment


def _field(rng: random.Random, members: list[Member]) -> bytes:
    """One field of one member is another."""
    for _ in range(rng.randint(1, 2)):
        member = rng.choice(members)
        name = rng.choice(("method", "flags", "version", "size", "packed", "checksum", "offset_by", "mode", "extra"))
        values = {
            "method": METHODS, "flags": FLAGS, "version": VERSIONS, "mode": (0o120777, 0o040755, 0o010644, 0o060644),
            "extra": (b"\1\0\xff\xff", b"\1\0\x08\0" + b"\xff" * 8, b"up\5\0\1\0\0\0\0x", rng.randbytes(7)),
        }.get(name, (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, getattr(member, name, 0) + 1 if name != "extra" else 0))  # fmt: skip
        setattr(member, name, rng.choice(values))
    return _joined(members)


def _method(rng: random.Random, members: list[Member]) -> bytes:
    """A member in another method that Python can write, cut or damaged."""
    files = {member.name.decode(): zlib.decompress(member.data, -15) for member in members}
    whole = _by_library(files, rng.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
    return whole if rng.random() < 0.3 else damage(rng, whole, 2)


def _name(rng: random.Random, members: list[Member]) -> bytes:
    member = rng.choice(members)
    member.name = rng.choice(NAMES)
    member.flags = rng.choice((0, 1 << 11))
    return _joined(members)


def _twice(rng: random.Random, members: list[Member]) -> bytes:
    again = rng.choice(members)
    members.insert(rng.randint(0, len(members)), _member(again.name, rng.choice((b"", b"{}", bytes(100)))))
    return _joined(members)


def _overlapping(rng: random.Random, members: list[Member]) -> bytes:
    first = members[0]
    for member in members[1:]:
        member.offset_by = -rng.choice((0, len(first.data), 30))
    return _joined(members)


def _bomb(rng: random.Random, members: list[Member]) -> bytes:
    member = rng.choice(members)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = rng.choice((b" ", b"\0")) * (1 << 22)
    data = b"".join(packer.compress(block) for _ in range(200)) + packer.flush()
    member.data = data
    member.packed = len(data)
    member.size = rng.choice((member.size, 200 << 22, 0xFFFFFFFF))
    return _joined(members)


def _many(rng: random.Random, members: list[Member]) -> bytes:
    extra = [_member(b"f%d" % number, b"", STORED) for number in range(rng.choice((1000, 20_000)))]
    return _joined(members + extra)


def _count(rng: random.Random, members: list[Member]) -> bytes:
    return _joined(members, rng.choice((0, 1, 1000, 65535)), rng.choice((b"", b"comment", b"PK\5\6" + bytes(18))))


def _around(rng: random.Random, members: list[Member]) -> bytes:
    whole = _joined(members)
    before = rng.choice((b"", b"#!/bin/sh\n", rng.randbytes(100)))
    return before + whole + rng.choice((b"", bytes(100), rng.randbytes(70_000), whole))


def _zip64(rng: random.Random, members: list[Member]) -> bytes:
    whole = _joined(members)
    at = whole.rindex(b"PK\5\6")
    numbers = [rng.choice((0, len(members), at, 2**63, 2**64 - 1)) for _ in range(4)]
    record = b"PK\6\6" + struct.pack("<QHHII4Q", 44, 45, 45, 0, 0, *numbers)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, rng.choice((at, 0, 2**64 - 1)), rng.choice((1, 0, 7)))
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return whole[:at] + record + locator + end


def _bytes(rng: random.Random, members: list[Member]) -> bytes:
    return damage(rng, _joined(members))


ACTS: Final[tuple[Callable[[random.Random, list[Member]], bytes], ...]] = (
    _field, _field, _field, _method, _name, _twice, _overlapping, _bomb, _many, _count, _around, _zip64, _bytes,
)  # fmt: skip
