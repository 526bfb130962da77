"""Images of cards: read as they are or as they are decompressed, checked, and copied without their empty parts."""

from __future__ import annotations

import contextlib
import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, Self

from edge_fer import files
from edge_fer.errors import BadInput, MissingDependency
from edge_fer_devices.card import partitions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK_BYTES: Final = 1 << 22
HOLE_BYTES: Final = 1 << 16
"""An image is copied in pieces of this size, of which empty ones are left out where that is possible."""
SPARE_BYTES: Final = 1 << 30
"""How much may follow the last partition of an image. A file of a few kilobytes can unpack to all of a disk."""
MAX_XZ_BYTES: Final = 1 << 27
"""Memory that unpacking may take: twice what xz -9 needs. zstd has the same limit for itself."""
SHA256: Final = re.compile(r"\b[0-9a-fA-F]{64}\b")
MAX_SUM_BYTES: Final = 1 << 16
MAGIC: Final = {b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
OTHER_MAGIC: Final = {
    b"\x1f\x8b": "gzip", b"PK\x03\x04": "a zip", b"BZh": "bzip2", b"QFI\xfb": "a qcow2 image",
    b"conectix": "a VHD image",
}  # fmt: skip
"""What people have by the same name, and is not read here."""


@dataclass(frozen=True)
class Checksums:
    """The sha256 of an image as it was read, and as it was decompressed."""

    file: str
    content: str
    content_bytes: int
    """Size of the image, decompressed."""


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes."""
        ...


class _Hashing(io.RawIOBase):
    """Reads a file, and computes its sha256 on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        self.digest.update(content)
        self.count += len(content)
        buffer[: len(content)] = content
        return len(content)


class Image:
    """A stock image that is open for reading. It is never written to."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file_bytes = os.fstat(file.fileno()).st_size
        self._raw = _Hashing(file)
        start = file.read(8)
        file.seek(0)
        self.packing = _packing(path, start)
        self._unpacked = hashlib.sha256()
        self._count = 0
        self._stack = contextlib.ExitStack()
        self._content: Readable = self._open()

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open the image at *path*. Raises `BadInput` if it is none, or packed in another way than xz or zstd."""
        try:
            file = files.open_regular(path)
        except OSError as exc:
            raise BadInput(f"{path} cannot be read: {exc.strerror}; check the path") from exc
        with file:
            image = cls(path, file)
            with image._stack:
                yield image

    @property
    def size_bytes(self) -> int | None:
        """Size of the image, decompressed; None if that is only known at its end."""
        return None if self.packing else self.file_bytes

    @property
    def share(self) -> float:
        """Which share of the file has been read, in [0, 1]."""
        return min(1.0, self._raw.count / max(1, self.file_bytes))

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes of the decompressed image, fewer at its end. Raises `BadInput`."""
        try:
            content = self._content.read(size)
        except (lzma.LZMAError, EOFError, OSError) as exc:
            if "limit" in str(exc):
                raise BadInput(
                    f"{self.path} takes more than {MAX_XZ_BYTES >> 20} MiB of memory to unpack; unpack it first: unxz"
                ) from exc
            raise BadInput(
                f"{self.path} is damaged or was not downloaded completely: {exc}; download it again"
            ) from exc
        self._unpacked.update(content)
        self._count += len(content)
        return content

    def checksums(self) -> Checksums:
        """Return the checksums of what was read, which should be all of it."""
        while self._raw.read(BLOCK_BYTES):  # what follows a packed image belongs to the file all the same
            pass
        return Checksums(self._raw.digest.hexdigest(), self._unpacked.hexdigest(), self._count)

    def _open(self) -> Readable:
        if self.packing == "xz":
            return io.BufferedReader(_Xz(io.BufferedReader(self._raw, BLOCK_BYTES)), BLOCK_BYTES)
        if self.packing == "zstd":
            return self._stack.enter_context(_Zstd(self.path, self._raw))
        return io.BufferedReader(self._raw, BLOCK_BYTES)


class _Xz(io.RawIOBase):
    """What a file in xz holds. Python's own reader would give the file as much memory as it asks for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._stream = self._new_stream()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = b""
        while not content:
            packed = b""
            if self._stream.eof:
                # Another stream may follow, after zeros that fill up a block.
                packed = self._stream.unused_data.lstrip(b"\0") or self._file.read(BLOCK_BYTES).lstrip(b"\0")
                if not packed:
                    return 0
                self._stream = self._new_stream()
            elif self._stream.needs_input:
                packed = self._file.read(BLOCK_BYTES)
                if not packed:
                    raise EOFError("it ends too early")
            content = self._stream.decompress(packed, len(buffer))
        buffer[: len(content)] = content
        return len(content)

    @staticmethod
    def _new_stream() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_BYTES)


class _Zstd(io.RawIOBase):
    """What ``zstd`` makes of a file. Python has a module for it only from 3.14 on."""

    def __init__(self, path: Path, raw: _Hashing) -> None:
        program = shutil.which("zstd")
        if program is None:
            raise MissingDependency(f"{path} is packed by zstd, which is not installed: apt install zstd")
        # It reads the file by its path, so that nothing has to be fed to it; the checksum is computed beside it.
        self._raw = raw
        self._process = subprocess.Popen(  # noqa: S603
            [program, "--decompress", "--stdout", "--quiet", "--", str(path)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert self._process.stdout is not None  # noqa: S101  (a pipe was asked for)
        content = self._process.stdout.read(size)
        self._raw.read(size // 4)
        if not content and self._process.wait() != 0:
            assert self._process.stderr is not None  # noqa: S101
            raise OSError(self._process.stderr.read().decode(errors="replace").strip().rpartition(": ")[2])
        return content

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        super().close()


def expected_sha256(given: str) -> str:
    """Return the checksum that the user has *given*: 64 digits, or the path of a file that holds them."""
    if SHA256.fullmatch(given):
        return given.lower()
    try:
        with files.open_regular(Path(given)) as file:
            found = SHA256.search(file.read(MAX_SUM_BYTES).decode(errors="replace"))
    except (OSError, ValueError) as exc:
        raise BadInput(f"--sha256 {given[:80]} is neither 64 hexadecimal digits nor a file that can be read") from exc
    if found is None:
        raise BadInput(f"{given} holds no sha256; pass the file that is offered beside the image")
    return found[0].lower()


def check(sums: Checksums, expected: str, path: Path) -> None:
    """Raise `BadInput` unless *expected* is the checksum of the file or of what it holds."""
    if expected not in (sums.file, sums.content):
        raise BadInput(f"{path} is not what was meant: its sha256 is {sums.file}, not {expected}; download it again")


def copy(image: Image, target: BinaryIO, *, sparse: bool, progress: Callable[[float], None]) -> Checksums:
    """Copy *image* to *target*, which begins at its start. Return the checksums.

    *sparse* leaves out what is empty, for a new file; a card must get its zeros. Raises `BadInput` for a damaged image,
    `OSError` if the target cannot be written.
    """
    size = most = 0
    while block := image.read(BLOCK_BYTES):
        if not size:
            # What was packed and is no image is refused before all of it is unpacked.
            table = partitions.parse(block[: partitions.SECTOR_BYTES], image.path)
            most = max(partition.end for partition in table) * partitions.SECTOR_BYTES + SPARE_BYTES
        size += len(block)
        if size > most:
            raise BadInput(f"{image.path} goes on long after its last partition; download it again")
        _write(target, block, sparse=sparse)
        progress(image.share)
    if size == 0:
        raise BadInput(f"{image.path} is empty; download it again")
    if sparse:
        target.truncate(size)
    return image.checksums()


def _write(target: BinaryIO, block: bytes, *, sparse: bool) -> None:
    if not sparse:
        target.write(block)
        return
    zeros = bytes(HOLE_BYTES)
    view = memoryview(block)
    for start in range(0, len(block), HOLE_BYTES):
        piece = view[start : start + HOLE_BYTES]
        if piece == zeros[: len(piece)]:
            target.seek(len(piece), os.SEEK_CUR)
        else:
            target.write(piece)


def _packing(path: Path, start: bytes) -> str | None:
    """Return how the file that begins with *start* is packed; None if it is not."""
    for magic, name in MAGIC.items():
        if start.startswith(magic):
            return name
    for magic, name in OTHER_MAGIC.items():
        if start.startswith(magic):
            raise BadInput(f"{path} is {name}; unpack it first: .img, .img.xz and .img.zst are read")
    return None
