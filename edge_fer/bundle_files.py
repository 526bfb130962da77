"""Where the files of a bundle are read from: a folder, a zip, or memory.

Nothing here blocks and nothing is larger than asked for: only regular files are opened, and a zip's directory and
members are bounded whatever they claim.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, Protocol

from edge_fer.archives import METHODS, UNPACK_ERRORS, open_zip, unpack_reason
from edge_fer.errors import BadBundle
from edge_fer.files import open_regular

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Mapping
    from pathlib import Path

MAX_MEMBERS: Final = 1000
"""The most files in a zip, whose list is read again with each of them. A bundle has 104 at most."""
MAX_SHOWN: Final = 100
"""How much of a zip member's name an error quotes, in characters."""


class BundleFiles(Protocol):
    """The files of one bundle."""

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return at most *max_bytes* + 1 bytes of a file. Raises `BadBundle` if it cannot be read."""
        ...

    def has(self, name: str) -> bool:
        """Return whether there is a file *name*."""
        ...


def open_files(location: Path) -> BundleFiles:
    """Return the files of the bundle at *location*, a folder or a zip. Raises `BadBundle`."""
    return Folder(location) if location.is_dir() else Zip(location)


class Folder:
    """A bundle's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return at most *max_bytes* + 1 bytes of a file. Raises `BadBundle` if it cannot be read."""
        try:
            # Resolved first: a link could lead to any file of the machine.
            path = (self._folder / name).resolve(strict=True)
            if path.parent != self._folder.resolve():
                raise BadBundle(f"{self._folder}: {name} is a link out of the bundle; copy the file itself into it")
            with open_regular(path) as file:
                return file.read(max_bytes + 1)
        # RuntimeError: links that lead to each other, before Python 3.13.
        except (OSError, RuntimeError) as exc:
            reason = getattr(exc, "strerror", None) or "its links lead in a circle"
            raise BadBundle(f"{self._folder}: {name} cannot be read ({reason}); copy the bundle again") from exc

    def has(self, name: str) -> bool:
        """Return whether there is a file *name*, or a link, even one that leads nowhere."""
        return os.path.lexists(self._folder / name)


class Zip:
    """A zip of a bundle's folder. It holds no open file, so it needs no closing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: set[str] = set()
        try:
            with open_regular(path) as file, open_zip(file) as archive:
                members = archive.infolist()
        except UNPACK_ERRORS as exc:
            reason = unpack_reason(exc)
            raise BadBundle(f"{path} is neither a folder nor a readable zip: {reason}; copy the bundle again") from exc
        if len(members) > MAX_MEMBERS:
            raise BadBundle(
                f"{path} holds {len(members)} files, more than the {MAX_MEMBERS} allowed: zip the bundle's files alone"
            )
        for member in members:
            self._add(member)

    def _add(self, member: zipfile.ZipInfo) -> None:
        name = member.filename
        # Nothing is ever extracted, but a zip with such names was made to harm, or is no bundle.
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name) or ".." in name:
            raise BadBundle(
                f"{self._path} holds {name[:MAX_SHOWN]!r}; a bundle's zip holds plain files only: "
                "zip the folder's content"
            )
        if name in self._names:
            raise BadBundle(f"{self._path} holds {name[:MAX_SHOWN]} twice; zip the folder's content again")
        if member.compress_type not in METHODS:
            raise BadBundle(
                f"{self._path}: {name[:MAX_SHOWN]} is packed by method {member.compress_type}; "
                "zip the folder's content again with deflate, the usual method"
            )
        self._names.add(name)

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return at most *max_bytes* + 1 bytes of a file. Raises `BadBundle` if it cannot be read."""
        # Bounded whatever size the archive claims: of a zip bomb, no more than max_bytes + 1 is unpacked.
        try:
            with open_regular(self._path) as file, open_zip(file) as archive, archive.open(name) as member:
                return member.read(max_bytes + 1)
        except KeyError as exc:
            raise BadBundle(
                f"{self._path} holds no {name}: it is no bundle, or not all of one; edge-fer convert makes bundles"
            ) from exc
        except UNPACK_ERRORS as exc:
            reason = unpack_reason(exc)
            raise BadBundle(f"{self._path}: {name} cannot be unpacked: {reason}; copy the bundle again") from exc

    def has(self, name: str) -> bool:
        """Return whether the zip has a file *name*."""
        return name in self._names


class Memory:
    """Files that another process has read and checked."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return a file's content. Raises `BadBundle` for a file that was not handed over."""
        del max_bytes  # it is in memory already
        if name not in self._contents:
            raise BadBundle(f"{name} was not handed over; report this as a fault of edge-fer")
        return self._contents[name]

    def has(self, name: str) -> bool:
        """Return whether a file *name* was handed over."""
        return name in self._contents
