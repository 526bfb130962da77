"""From a stock image to a new image or a card: copy, inspect, add, check, and only then let it count as finished."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from edge_fer import files
from edge_fer.errors import BadInput, EdgeFerError, SinkError
from edge_fer_devices.card import cloud_init, contents, image, inspection, partitions, spare
from edge_fer_devices.card.boot_partition import BootPartition, require_mtools
from edge_fer_devices.card.programs import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_fer.progress import ProgressListener
    from edge_fer_devices.card.contents import Order
    from edge_fer_devices.card.image import Checksums
    from edge_fer_devices.card.inspection import Contents
    from edge_fer_devices.card.partitions import Layout
    from edge_fer_devices.card.spare import Plan

CMDLINE: Final = "cmdline.txt"


@dataclass(frozen=True)
class Outcome:
    """What was made."""

    image: Contents
    sums: Checksums
    added_bytes: int
    added_s: float
    """How long all but the copy and what comes over the network took, in seconds."""


class Orders(Protocol):
    """Who knows what is to be added."""

    def prepare(self) -> None:
        """Fetch what can be fetched before the image is known. Raises `EdgeFerError`."""
        ...

    def make(self, found: Contents) -> Order:
        """Return what is to be added to an image with what was *found*. Raises `EdgeFerError`."""
        ...


class Target(Protocol):
    """What an image is copied to. It counts as finished only after `finish`."""

    path: Path
    name: Path
    """How errors call it."""
    sparse: bool

    @property
    def file(self) -> BinaryIO:
        """What the image is written to."""
        ...

    def layout(self, size_bytes: int) -> Layout:
        """Return the partitions of what was written."""
        ...

    def sector(self) -> bytes:
        """Return the first sector, which holds their table."""
        ...

    def verify(self, sums: Checksums, progress: ProgressListener) -> None:
        """Check what was copied. Raises `SinkError`."""
        ...

    def set_aside(self, plan: Plan, data: Path) -> None:
        """Lay out the partitions of *plan*, with the file system in the file *data*. Raises `SinkError`."""
        ...

    def finish(self) -> None:
        """Let it count."""
        ...


class NewImage:
    """A new file, which has a temporary name until it is finished."""

    sparse = True

    def __init__(self, path: Path, file: BinaryIO, name: Path) -> None:
        self.path = path
        self.file = file
        self.name = name

    @classmethod
    @contextmanager
    def open(cls, out: Path) -> Iterator[NewImage]:
        """Yield the target for *out*, which is there only if nothing was raised. Raises `SinkError`."""
        try:
            with files.replacing(out, keep_mode=False) as beside, _private(beside) as file:
                yield cls(beside, file, out)
        except OSError as exc:
            if isinstance(exc, EdgeFerError):
                raise
            raise SinkError(f"{out} cannot be written: {exc.strerror or exc}; make room, or write elsewhere") from exc

    def layout(self, size_bytes: int) -> Layout:
        """Return the partitions of what was written."""
        self.file.flush()
        return partitions.read(self.file, self.name, size_bytes)

    def sector(self) -> bytes:
        """Return the first sector."""
        self.file.seek(0)
        return self.file.read(partitions.SECTOR_BYTES)

    def verify(self, sums: Checksums, progress: ProgressListener) -> None:
        """Do nothing: a file system reports its own faults."""

    def set_aside(self, plan: Plan, data: Path) -> None:
        """Lay out the partitions of *plan*, with the file system in the file *data*."""
        self.file.truncate(plan.size_bytes)
        spare.copy(data, self.file, plan.data_at, sparse=True)
        self.file.seek(0)
        self.file.write(plan.sector)
        self.file.flush()

    def finish(self) -> None:
        """Do nothing: leaving `open` gives the file its name."""
        self.file.flush()


def flash(
    source: Path,
    target: Target,
    orders: Orders,
    *,
    sha256: str | None,
    read_only: bool,
    progress: ProgressListener,
) -> Outcome:
    """Copy the image at *source* to *target* and add what *orders* makes of it. Raises `EdgeFerError`."""
    require_mtools()
    order = None
    with image.Image.open(source) as stock:
        # What cannot be used or fetched is told before minutes of copying.
        if stock.packing:
            orders.prepare()
        else:
            order = orders.make(look_at(source, source)[1])
        sums = image.copy(
            stock, target.file, sparse=target.sparse, progress=lambda share: progress.step("copying the image", share)
        )
    if sha256 is not None:
        image.check(sums, sha256, source)
    target.verify(sums, progress)
    began = time.monotonic()
    layout = target.layout(sums.content_bytes)
    boot = BootPartition(target.path, layout.boot.offset_bytes, target.name)
    found = _named(source, target.path, layout, boot)
    asked = time.monotonic()
    order = order or orders.make(found)
    began += time.monotonic() - asked  # it may have fetched other wheels
    progress.step("adding edge-fer")
    added = contents.collect(order, found, boot.read(CMDLINE) or "", cloud_init.new_instance_id())
    write(boot, added)
    if read_only:
        _set_aside(target, layout, source)
    target.finish()
    return Outcome(found, sums, total_bytes(added), time.monotonic() - began)


def look_at(path: Path, source: Path) -> tuple[Layout, Contents, str]:
    """Return the layout, the contents and the ``cmdline.txt`` of the unpacked image at *path*.

    Errors speak of *source*, which the user knows.
    """
    with files.open_regular(path) as file:
        layout = partitions.read(file, source, path.stat().st_size)
    boot = BootPartition(path, layout.boot.offset_bytes)
    return layout, _named(source, path, layout, boot), boot.read(CMDLINE) or ""


def write(boot: BootPartition, added: dict[str, bytes | Path]) -> None:
    """Write *added* to *boot* and read it back. What an earlier card has left there goes. Raises `SinkError`."""
    boot.remove("edge-fer")
    boot.check_room(added)
    boot.write(added)
    boot.check(added)


def total_bytes(added: dict[str, bytes | Path]) -> int:
    """Return the size of all files of *added* together."""
    return sum(len(content) if isinstance(content, bytes) else content.stat().st_size for content in added.values())


def _set_aside(target: Target, layout: Layout, source: Path) -> None:
    plan = spare.plan(layout, target.sector(), source)
    with scratch() as work:
        data = work / "data"
        spare.make_file_system(data)
        target.set_aside(plan, data)


def check_apart(source: Path, out: Path) -> None:
    """Raise `BadInput` if *out* is the stock image itself, which is never changed, or a disk or another device."""
    if not out.exists():
        return
    if source.exists() and source.samefile(out):
        raise BadInput(f"{out} is the stock image itself, which is never changed; pass another --out")
    if not out.is_file() and not out.is_dir():
        raise BadInput(f"{out} is a device or a pipe, no file; pass a new file, or --card to write to a card")


def _private(path: Path) -> BinaryIO:
    """Make the file *path*, of which nobody else may read the keys and hashes that it will hold."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b")


def _named(source: Path, path: Path, layout: Layout, boot: BootPartition) -> Contents:
    """Return what the copy at *path* holds; errors speak of *source*, which the user knows."""
    try:
        return inspection.inspect(path, layout, boot)
    except (BadInput, SinkError) as exc:
        raise type(exc)(str(exc).replace(str(path), str(source))) from exc
