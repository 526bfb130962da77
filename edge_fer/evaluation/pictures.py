"""Reads the pictures of a folder or zip, one at a time, and leaves out what is none or cannot be read."""

from __future__ import annotations

import io
import logging
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from edge_fer.archives import CHUNK_BYTES, UNPACK_ERRORS
from edge_fer.errors import BadInput, one_line
from edge_fer.evaluation.copies import without_copies
from edge_fer.images import PassedOver, decode_image, read_file, walk
from edge_fer.images.reading import check_size
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

FACE_SIDE_PX: Final = 512
"""Longest side of a picture of a face that is kept; a larger one is scaled down to it. No model sees more pixels."""
PICTURE_SIDE_PX: Final = 2048
"""Longest side of a picture that a face is still to be cut out of."""
NAMED: Final = 10
"""How many skipped pictures are named."""
ENCRYPTED: Final = 1
"""The flag of a zip's member that needs a password."""
MAX_SKIPPED: Final = 0.5
"""Share of the pictures that may be unreadable. With more, what is left is another data set."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """A picture in a folder or zip."""

    name: PurePosixPath
    """Its path within. Bytes that are not UTF-8 are written as ``\\xe9``, so that different files differ."""
    read: Callable[[], bytes]
    """Returns its content. Raises `ValueError`, `OSError`, or another of `UNPACK_ERRORS`."""


def image_names(path: Path) -> list[PurePosixPath]:
    """Return the paths of the pictures within the folder or ``.zip`` *path*, sorted. Nothing is decoded.

    Raises `BadInput` for a folder or zip that cannot be read.
    """
    with _members(path, PassedOver()) as members:
        return [member.name for member in members]


def read_pictures(
    path: Path, wanted: Callable[[PurePosixPath], bool] | None = None, side_px: int = FACE_SIDE_PX
) -> Iterator[tuple[PurePosixPath, NDArray[np.uint8]]]:
    """Yield path and grey pixels ``(height, width)`` of the *wanted* pictures of a folder or ``.zip``, sorted.

    A picture whose longest side is above *side_px* is scaled down to it on reading. One that cannot be read is skipped
    with a warning. Other files, and second copies of a picture, are passed over and counted in a warning.

    Raises `BadInput` for a folder or zip that cannot be read, and at the end when more than half were skipped.
    """
    passed_over = PassedOver()
    skipped = _Skipped(path)
    count = 0
    with _members(path, passed_over) as members:
        chosen = [member for member in members if wanted is None or wanted(member.name)]
        for name, content in without_copies(path, skipped.contents(chosen)):
            try:
                pixels = decode_image(content, gray=True, side_px=side_px)
            except UNPACK_ERRORS as exc:
                skipped.add(name, exc)
                continue
            finally:
                del content  # before the next one is read: two of the largest would not fit into 512 MB
            count += 1
            yield name, pixels
    if passed_over:
        log.warning("%s: %s", path, passed_over)
    skipped.conclude(count)


class _Skipped:
    """Tells and counts the pictures of *path* that cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self._first = ""

    def contents(self, members: list[Member]) -> Iterator[tuple[PurePosixPath, bytes]]:
        """Yield path and content of those that can be read."""
        for member in members:
            try:
                content = member.read()
            except UNPACK_ERRORS as exc:
                self.add(member.name, exc)
                continue
            yield member.name, content
            del content

    def add(self, name: PurePosixPath, exc: BaseException) -> None:
        self._count += 1
        reason = f"{name} {_reason(exc)}"
        self._first = self._first or reason
        if self._count <= NAMED:
            log.warning("skipped: %s", reason)

    def conclude(self, left: int) -> None:
        """Say how many pictures are *left*. Raises `BadInput` if they are too few."""
        count = left + self._count
        if self._count > MAX_SKIPPED * count:
            raise BadInput(
                f"{self._path}: {self._count} of {counted(count, 'picture')} cannot be read, the first: {self._first}; "
                "replace or remove them"
            )
        if self._count:
            more = f" (the first {NAMED} are named above)" if self._count > NAMED else ""
            log.warning("%s: %d of %s; %d skipped%s", self._path, left, counted(count, "face"), self._count, more)


@contextmanager
def _members(path: Path, passed_over: PassedOver) -> Iterator[list[Member]]:
    """Yield the pictures of a folder or zip, sorted; what else is in it is counted in *passed_over*."""
    if path.is_dir():
        yield _folder_members(path, passed_over)
        return
    try:
        archive = zipfile.ZipFile(path)
    except UNPACK_ERRORS as exc:
        raise BadInput(f"{path} cannot be read as a zip: {one_line(exc)}; download it again") from exc
    with archive:
        yield _zip_members(archive, passed_over)


def _reason(exc: BaseException) -> str:
    # A ValueError of our own already reads as the end of a sentence, unlike those of zipfile and zlib.
    if type(exc) is ValueError:
        return one_line(exc)
    reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else one_line(exc)
    return f"cannot be read: {reason or type(exc).__name__}"


def _folder_members(folder: Path, passed_over: PassedOver) -> list[Member]:
    try:
        names = sorted(name for name in walk(folder) if passed_over.is_image(name))
    except OSError as exc:
        raise BadInput(f"{folder} cannot be read: {exc.strerror or exc}; check its permissions") from exc
    return [Member(_utf8(name), _file_reader(folder / name)) for name in names]


def _file_reader(file: Path) -> Callable[[], bytes]:
    return lambda: read_file(file)


def _utf8(name: PurePosixPath) -> PurePosixPath:
    # A name is kept in tables and reports, which are UTF-8.
    return PurePosixPath(str(name).encode(errors="surrogateescape").decode(errors="backslashreplace"))


def _zip_members(archive: zipfile.ZipFile, passed_over: PassedOver) -> list[Member]:
    members = []
    # Sorted as text, not by folders: the order of the faces decides which of them a seed chooses.
    for info in sorted(archive.infolist(), key=lambda info: info.filename):
        name = PurePosixPath(info.filename.replace("\\", "/"))  # some zips that Windows programs write have these
        # Damage may leave a member without a name, of which zipfile cannot tell whether it is a folder.
        if info.filename and not info.is_dir() and passed_over.is_image(name):
            members.append(Member(_utf8(name), _zip_reader(archive, info)))
    return members


def _zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        check_size(info.file_size)
        if info.flag_bits & ENCRYPTED:
            raise ValueError("is encrypted; unpack the zip with its password, and pass the folder")
        # Bit by bit, and no more than it claims: zipfile would unpack all that is there, and then look at the size.
        content = io.BytesIO()
        with archive.open(info) as file:
            while piece := file.read(CHUNK_BYTES):
                content.write(piece)
        if content.tell() < info.file_size:
            raise EOFError(f"{content.tell()} of {info.file_size} bytes")
        return content.getvalue()

    return read
