"""Passes over the second copy of an image, as in downloads that hold the same tree twice (``images/images``)."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from edge_fer.evaluation.parts import part_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path, PurePosixPath

log = logging.getLogger(__name__)


def without_copies(path: Path, members: Iterable[tuple[PurePosixPath, bytes]]) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield each of *members*, path within *path* and content, once.

    Two members are copies when file name, class folder, part and content are the same. One picture under two names, or
    in two parts, is not: data sets have such pictures, and figures on them are comparable only with all of them.
    """
    seen: set[tuple[str, ...]] = set()
    copies = 0
    for member, content in members:
        digest = hashlib.sha256(content).hexdigest()
        key = (part_of(member), member.parent.name, member.name, digest)
        if key in seen:
            copies += 1
            del content
            continue
        seen.add(key)
        yield member, content
        del content  # before the next one is read
    if copies:
        what = "one image lies" if copies == 1 else f"{copies} images lie"
        log.warning("%s: %s there twice, in two copies of a folder; it is read once", path.name, what)
