"""A card in a reader, written so that it counts only when all of it is right.

The first sector, with the table of partitions, is kept back until the end, and zeros stand in its place: a card that
was not finished has no partitions, and nothing boots from it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from edge_fer.errors import EdgeFerError, SinkError
from edge_fer_devices.card import partitions, spare
from edge_fer_devices.card.partitions import SECTOR_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_fer.progress import ProgressListener
    from edge_fer_devices.card.image import Checksums
    from edge_fer_devices.card.partitions import Layout
    from edge_fer_devices.card.spare import Plan

FORGET: Final = 0x1261
"""``BLKFLSBUF``: drop what the system remembers of a device, so that it is read from the card."""
READ_TABLE: Final = 0x125F
"""``BLKRRPART``: read the table of partitions again."""
BLOCK_BYTES: Final = 1 << 22
GONE: Final = frozenset({errno.ENXIO, errno.ENODEV, errno.EIO, errno.ENOMEDIUM, errno.EREMOTEIO})
"""What is raised when a card or its reader was pulled out, or is broken."""


class Card:
    """The target of a copy. Use `open`."""

    sparse = False

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.name = path
        self._device = file
        self._kept = _KeptBack(file)
        self.file: BinaryIO = self._kept  # type: ignore[assignment]  # it has what copying needs

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Card]:
        """Open the card at *path* for nobody else. Raises `SinkError` if it is in use, gone, or cannot be written."""
        with _in_words(path):
            descriptor = os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
            with os.fdopen(descriptor, "r+b", buffering=0) as raw:
                file: Any = raw
                yield cls(path, file)

    def layout(self, size_bytes: int) -> Layout:
        """Return the partitions of what was written; their table is not on the card yet."""
        table = self._kept.sector
        self._device.seek(0)
        return partitions.read(_WithTable(self._device, table), self.path, size_bytes)

    def verify(self, sums: Checksums, progress: ProgressListener) -> None:
        """Read the card and compare. Raises `SinkError`: cards that claim more than they hold are sold."""
        self._flush()
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._device.fileno(), FORGET)
        digest = hashlib.sha256(self._kept.sector)
        self._device.seek(SECTOR_BYTES)
        done = SECTOR_BYTES
        while done < sums.content_bytes:
            block = self._device.read(min(BLOCK_BYTES, sums.content_bytes - done))
            if not block:
                break
            digest.update(block)
            done += len(block)
            progress.step("reading the card back", done / sums.content_bytes)
        if digest.hexdigest() != sums.content:
            raise SinkError(f"{self.path} does not hold what was written; it is broken or false, use another card")

    def finish(self) -> None:
        """Write the table of partitions, now that everything else is on the card."""
        self._flush()
        self._device.seek(0)
        self._device.write(self._kept.sector)
        self._flush()
        with contextlib.suppress(OSError):  # a desktop may hold it already
            fcntl.ioctl(self._device.fileno(), READ_TABLE)

    def sector(self) -> bytes:
        """Return the first sector, which is not on the card yet."""
        return self._kept.sector

    def set_aside(self, plan: Plan, data: Path) -> None:
        """Lay out the partitions of *plan*, with the file system in the file *data*. Raises `SinkError`."""
        size = self._device.seek(0, os.SEEK_END)
        if plan.size_bytes > size:
            raise SinkError(
                f"{self.path} has {size / 1e9:.1f} GB, a read-only root needs {plan.size_bytes / 1e9:.1f} GB; "
                "use a larger card"
            )
        spare.copy(data, self._device, plan.data_at, sparse=False)
        self._kept.sector = plan.sector

    def _flush(self) -> None:
        os.fsync(self._device.fileno())


class _KeptBack(io.RawIOBase):
    """Writes to a device, but for the first sector, which it keeps."""

    def __init__(self, device: BinaryIO) -> None:
        self._device = device
        self.sector = bytes(SECTOR_BYTES)

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        at = self._device.tell()
        block = memoryview(content)
        if at == 0:
            self.sector = bytes(block[:SECTOR_BYTES])
            # From here on it is no card any more, until it is finished.
            self._device.write(bytes(SECTOR_BYTES))
            os.fsync(self._device.fileno())
            block = block[SECTOR_BYTES:]
        while block:
            block = block[self._device.write(block) :]
        return len(content)

    def tell(self) -> int:
        return self._device.tell()


class _WithTable(io.RawIOBase):
    """Reads a device, with another first sector."""

    def __init__(self, device: BinaryIO, sector: bytes) -> None:
        self._device = device
        self._sector = sector

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._device.seek(offset, whence)

    def read(self, size: int = -1, /) -> bytes:
        return self._sector[:size] if self._device.tell() == 0 else self._device.read(size)


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what the system refuses into a sentence about the card."""
    try:
        yield
    except OSError as exc:
        if isinstance(exc, EdgeFerError):
            raise
        if exc.errno == errno.EBUSY:
            raise SinkError(f"{path} is in use by another program; close it, unmount the card, and try again") from exc
        if exc.errno in {errno.EACCES, errno.EPERM}:
            raise SinkError(f"{path} may not be written by this account; use sudo, or --out and an imager") from exc
        if exc.errno in GONE or exc.errno == errno.ENOENT:
            raise SinkError(
                f"{path} is gone or broken ({exc.strerror}); the card is not finished: insert it and flash it again"
            ) from exc
        raise SinkError(f"{path} cannot be written: {exc.strerror}; the card is not finished") from exc
