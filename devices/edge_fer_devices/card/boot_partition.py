"""The boot partition of an image or a card, read and written by mtools: without mounting, and without root."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput, EdgeFerError, MissingDependency, SinkError, one_line
from edge_fer_devices.card.programs import plain, scratch
from edge_fer_devices.running import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FREE: Final = re.compile(r"^\s*([\d\s\u00a0,.]+) bytes free", re.MULTILINE)
CLUSTER_BYTES: Final = 1 << 15
"""The largest cluster of FAT: a file's last one may be filled by a byte."""
TIMEOUT_S: Final = 900


class BootPartition:
    """A FAT file system that begins at *offset_bytes* of the file or device at *path*."""

    def __init__(self, path: Path, offset_bytes: int, name: Path | None = None) -> None:
        """*name* is how errors call it, where *path* is temporary."""
        require_mtools()
        self._path = path
        self._offset_bytes = offset_bytes
        self._name = name or path

    def names(self) -> list[str]:
        """Return the names at the top, as they were written."""
        said = self._run("mdir", "-b", "::/")
        return [line.strip().removeprefix("::/").rstrip("/") for line in said.splitlines() if line.strip()]

    def read(self, name: str) -> str | None:
        """Return the text of the file *name*; None if there is none."""
        if name not in self.names():
            return None
        return self._run("mtype", f"::/{name}")

    def free_bytes(self) -> int:
        """Return how many bytes are free."""
        found = FREE.search(self._run("mdir", "::/"))
        if found is None:
            raise BadInput(f"the boot partition of {self._name} cannot be read; download the image again")
        return int(re.sub(r"\D", "", found[1]))

    def check_room(self, contents: Mapping[str, bytes | Path]) -> None:
        """Raise `SinkError` unless there is room for *contents*, files by their name."""
        needed = 0
        for content in contents.values():
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            needed += -(-size // CLUSTER_BYTES) * CLUSTER_BYTES
        free = self.free_bytes()
        if needed > free:
            raise SinkError(
                f"the boot partition is full: {free >> 20} MiB are free, {needed >> 20} MiB are needed; "
                "use a stock image, or a smaller bundle"
            )

    def remove(self, folder: str) -> None:
        """Remove *folder* with all that is in it, if it is there."""
        if folder in self.names():
            self._run("mdeltree", f"::/{folder}")

    def write(self, contents: Mapping[str, bytes | Path]) -> None:
        """Write *contents*: files by their name, with ``/`` between folders. What is there is replaced."""
        with scratch() as staged:
            for name, content in contents.items():
                path = staged / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, bytes):
                    path.write_bytes(content)
                else:
                    # A link is enough: mcopy follows it.
                    path.symlink_to(content.resolve())
            top = sorted(str(path) for path in staged.iterdir())
            self._run("mcopy", "-s", "-Q", "-o", "-m", *top, "::/")

    def check(self, contents: Mapping[str, bytes | Path]) -> None:
        """Read *contents* back. Raises `SinkError` for a file that is not what was written."""
        with scratch() as work:
            top = sorted({name.partition("/")[0] for name in contents})
            self._run("mcopy", "-s", "-n", *(f"::/{name}" for name in top), str(work))
            for name, content in contents.items():
                expected = content if isinstance(content, bytes) else content.read_bytes()
                written = work / name
                if not written.is_file() or written.read_bytes() != expected:
                    raise SinkError(f"{self._name}: {name} is not what was written; use another card or disk")

    def _run(self, program: str, *arguments: str) -> str:
        # The size of a partition and that of its file system may differ by a few sectors.
        environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": os.devnull, "LC_ALL": "C.UTF-8"}
        with plain(self._path) as path:
            done = run(
                [program, "-i", f"{path}@@{self._offset_bytes}", *arguments], timeout_s=TIMEOUT_S,
                environment=environment, remedy="use another card or disk, or install it again: apt install mtools",
            )  # fmt: skip
        if done.returncode != 0:
            raise _refused(self._name, done.stderr.strip() or f"{program} ended with {done.returncode}")
        return done.stdout


def require_mtools() -> None:
    """Raise `MissingDependency` unless mtools is installed."""
    if shutil.which("mcopy") is None:
        raise MissingDependency("mtools is not installed: apt install mtools, or brew install mtools")


def _refused(path: Path, said: str) -> EdgeFerError:
    words = one_line(said)
    if "full" in said.lower() or "no space" in said.lower():
        return SinkError(f"the boot partition of {path} is full: {words}; use a stock image, or a smaller bundle")
    return SinkError(f"the boot partition of {path} cannot be used: {words}; download the image again")
