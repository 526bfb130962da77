"""Keeps a copy of the bundle that works, so that one that was damaged or replaced on the disk can be left for it.

What is tried is the copy, too: nobody changes it between the check and the use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import edge_fer
from edge_fer import files

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = "current.json"
MAX_FILES: Final = 64
MAX_BYTES: Final = 512 << 20
CHUNK_BYTES: Final = 1 << 20
DIGEST: Final = 16
"""Digits of a digest that make the name of a copy."""
SHIPPED: Final = Path(edge_fer.__file__).parent / "models"
"""Folder of the bundles inside the package, which change only with it."""


@dataclass(frozen=True)
class Accepted:
    """The copy that worked last."""

    source: str
    """Path that it was copied from."""
    mark: str
    """Of the source when it was copied, see `mark_of`."""
    copy: Path


def is_shipped(model: str) -> bool:
    """Return whether *model* is a bundle inside the package, by name or path."""
    if (SHIPPED / model).is_dir() and Path(model).name == model:
        return True
    return files.without_links(Path(model)).parent == files.without_links(SHIPPED)


def mark_of(source: Path) -> str | None:
    """Return what changes whenever the bundle at *source* changes, without reading it; None if there is none."""
    try:
        paths = _files_of(source)
        stats = [path.stat() for path in paths]
    except OSError:
        return None
    if not paths:
        return None
    facts = [
        f"{path.name} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}" for path, stat in zip(paths, stats, strict=True)
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


class Bundles:
    """The copies, in a *folder* of the state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def accepted(self, source: Path) -> Accepted | None:
        """Return the copy of *source* that worked last; None if there is none."""
        try:
            fields = json.loads((self._folder / FILE).read_text())
            known = Accepted(fields["source"], fields["mark"], self._folder / Path(fields["copy"]).name)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return known if known.source == str(source) and known.copy.exists() else None

    def copied(self, source: Path) -> Path:
        """Copy the bundle at *source*, and return the copy, whose name is that of its content. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / "new"
        _remove(beside)
        try:
            digest = _copy(source, beside)
        except BaseException:
            _remove(beside)
            raise
        copy = self._folder / (f"{digest}.zip" if beside.is_file() else digest)
        # One that is there may be in use, or damaged.
        if _is_whole(copy, digest):
            _remove(beside)
        else:
            _remove(copy)
            beside.rename(copy)
        return copy

    def accept(self, accepted: Accepted) -> None:
        """Remember *accepted*, and remove the other copies. Raises `OSError`."""
        fields = {"source": accepted.source, "mark": accepted.mark, "copy": accepted.copy.name}
        files.write(self._folder / FILE, json.dumps(fields))
        for path in self._folder.iterdir():
            if path.name not in (FILE, accepted.copy.name):
                _remove(path)


def _files_of(source: Path) -> list[Path]:
    """Return the files of the bundle at *source*, a folder or a zip. Raises `OSError`."""
    if not source.is_dir():
        source.stat()
        return [source]
    return sorted(path for path in source.iterdir() if path.is_file())[: MAX_FILES + 1]


def _copy(source: Path, to: Path) -> str:
    """Copy the bundle at *source* to the path *to*, and return a digest of its content. Raises `OSError`."""
    is_folder = source.is_dir()
    if is_folder:
        to.mkdir()
    digest = hashlib.sha256()
    for path, chunks in _contents(source):
        digest.update(path.name.encode() + b"\0" if is_folder else b"")
        with (to / path.name if is_folder else to).open("wb") as writing:
            for chunk in chunks:
                digest.update(chunk)
                writing.write(chunk)
    return digest.hexdigest()[:DIGEST]


def _contents(source: Path) -> Iterator[tuple[Path, Iterator[bytes]]]:
    """Yield the files of the bundle at *source*, and the content of each. Raises `OSError`."""
    paths = _files_of(source)
    if len(paths) > MAX_FILES:
        raise OSError(f"{source} holds more than {MAX_FILES} files, which no bundle does")
    left = MAX_BYTES
    for path in paths:
        left -= path.stat().st_size
        if left < 0:
            raise OSError(f"{source} has more than {MAX_BYTES >> 20} MiB, which no bundle has")
        yield path, _chunks(path)


def _chunks(path: Path) -> Iterator[bytes]:
    with files.open_regular(path) as reading:
        left = os.fstat(reading.fileno()).st_size
        while left > 0 and (chunk := reading.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk


def _is_whole(copy: Path, digest: str) -> bool:
    """Return whether *copy* is there, and has the content whose digest its name is."""
    found = hashlib.sha256()
    try:
        for path, chunks in _contents(copy):
            found.update(path.name.encode() + b"\0" if copy.is_dir() else b"")
            for chunk in chunks:
                found.update(chunk)
    except OSError:
        return False
    return found.hexdigest()[:DIGEST] == digest


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
