"""Several sources in one run: pictures and folders are one source together, films come one after the other."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput, SourceError, one_line
from edge_fer.sources import Source, addresses, open_source, refuse_camera_options, viewed
from edge_fer.sources.addresses import Kind, redact
from edge_fer.sources.options import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDLESS: Final = frozenset({Kind.SYNTHETIC, Kind.CAMERA, Kind.PICAMERA, Kind.DEVICE, Kind.STREAM})
"""What has no end, or may have none."""


def expanded(names: Sequence[str]) -> list[str]:
    """Return *names* with each pattern (``*.jpg``, ``**/*.png``) replaced by the files that it fits, sorted.

    ``@FILE`` is replaced by its first line.

    A file that is called like a pattern is that file. Raises `SourceError` for a pattern that fits nothing.
    """
    found: list[str] = []
    for given in names:
        name = addresses.resolve(given)
        if addresses.kind_of(name) is not Kind.PATH or not glob.has_magic(name) or _exists(name):
            found.append(name)
            continue
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207  (a relative pattern gives relative paths)
        if not matches:
            raise SourceError(f"no file fits {one_line(name)!r}; check the path")
        found += matches
    return found


def grouped(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return *names* in groups that are opened one after the other: pictures and folders side by side are one group.

    Raises `BadInput` for a camera or an address among others: what comes after it might never be read.
    """
    groups: list[tuple[str, ...]] = []
    were_stills = False
    for name in names:
        if len(names) > 1 and addresses.kind_of(name) in ENDLESS | {Kind.STANDARD_INPUT}:
            raise BadInput(f"{redact(name)} may never end, so it is the only source of a run; pass it alone")
        are_stills = _holds_stills(name)
        if are_stills and were_stills:
            groups[-1] += (name,)
        else:
            groups.append((name,))
        were_stills = are_stills
    return groups


def open_group(names: Sequence[str], options: SourceOptions | None = None, *, recursive: bool = False) -> Source:
    """Return the source that a group of `grouped` is; with *recursive*, with the folders that are in its folders.

    Raises `SourceError`, and what `open_source` raises.
    """
    options = options or SourceOptions()
    if len(names) == 1 and not (recursive and Path(names[0]).is_dir()):
        return open_source(names[0], options)
    from edge_fer.sources import files

    refuse_camera_options(names[0], options)
    pictures: list[tuple[Path, str]] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            # Called as the user calls it: two files in two folders may have one name.
            pictures.append((path, name))
            continue
        for inside, within in files.pictures_in(path, recursive=recursive):
            pictures.append((inside, within if len(names) == 1 else str(inside)))
    return viewed(files.Pictures(pictures), options)


def _holds_stills(name: str) -> bool:
    from edge_fer.images import IMAGE_SUFFIXES
    from edge_fer.sources import files

    if addresses.kind_of(name) is not Kind.PATH:
        return False
    path = Path(name)
    if path.is_dir():
        return True
    suffix = path.suffix.lower()
    return suffix in IMAGE_SUFFIXES and path.is_file() and not (suffix == ".gif" and files.moves(path))


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # opening it will say what is wrong
        return True
