"""Model files of detectors: read once, and tried in a process of their own unless their checksum is known."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from edge_fer.errors import BadInput
from edge_fer.files import open_regular

KNOWN: Final = {
    "yunet": frozenset({"8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"}),
    "blazeface": frozenset({"3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"}),
}
"""sha256 of the files that docs/detectors.md names. They need no trial, which takes half a second."""
MAX_BYTES: Final = 16 << 20
"""Size of the largest file that is read. YuNet and BlazeFace have 0.2 MB."""


def read(detector: str, file: Path | None) -> tuple[Path, bytes]:
    """Return the path and the content of the model of *detector*, which is to be executed as it was read here.

    Raises `BadInput` without a *file*, and for one that cannot be read or ends the process that executes it.
    """
    if file is None or file == Path():
        raise BadInput(
            f"{detector} needs its model file: pass --detector {detector}:FILE; docs/detectors.md says where it is "
            "to be had"
        )
    path = file.expanduser()
    found = content(path, f"model of {detector}")
    if hashlib.sha256(found).hexdigest() not in KNOWN[detector]:
        # Imported here: a known file needs none.
        from edge_fer import trial

        trial.check_detector(detector, path, found)
    return path, found


def content(path: Path, kind: str, remedy: str = "name the model file") -> bytes:
    """Return the content of the file *path*, at most `MAX_BYTES`.

    *kind* is what it ought to be, *remedy* what to do where it cannot be read.

    Raises `BadInput` for one that cannot be read or is larger.
    """
    try:
        with open_regular(path) as opened:
            read = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the path
        raise BadInput(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}; {remedy}") from exc
    if len(read) > MAX_BYTES:
        raise BadInput(f"{path} is larger than {MAX_BYTES >> 20} MB; it is no {kind}")
    return read
