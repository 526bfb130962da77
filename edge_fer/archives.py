"""Zip files and NumPy's archives from outside, which may be damaged or made to harm."""

from __future__ import annotations

import contextlib
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, cast

import numpy as np

from edge_fer.errors import MAX_SHOWN, one_line
from edge_fer.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

UNPACK_ERRORS: Final = (
    OSError, EOFError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
    SyntaxError, AssertionError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""All that zipfile raises for damaged, encrypted, missing or unsupported members, and NumPy for damaged headers."""
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members may be packed. Others need much memory to unpack, and nobody writes such bundles."""
MAX_DIRECTORY_BYTES: Final = 1 << 20
"""Largest directory of a zip, which is read at once: that of about ten thousand members."""
MAX_ARRAYS_BYTES: Final = 4 << 30
"""Largest size of all arrays of an archive together, unless the caller knows better."""
CHUNK_BYTES: Final = 1 << 20
MAX_HEADER_BYTES: Final = 10_000
NPY_MAGIC: Final = b"\x93NUMPY"


class _Pieces:
    """An open file that refuses to be read in pieces larger than `max_bytes`."""

    max_bytes: int | None = MAX_DIRECTORY_BYTES

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if self.max_bytes is None:
            return self._file.read(size)
        if size > self.max_bytes:
            raise zipfile.BadZipFile(f"its directory has {size} bytes, more than the {self.max_bytes} allowed")
        return self._file.read(self.max_bytes if size < 0 else size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def open_zip(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open the zip in *file*, whose directory is bounded. Raises one of `UNPACK_ERRORS`."""
    # zipfile reads the whole directory at once and makes an object of a kilobyte for each member in it.
    pieces = _Pieces(file)
    with zipfile.ZipFile(cast("BinaryIO", pieces)) as archive:
        pieces.max_bytes = None
        yield archive


def unpack_reason(exc: BaseException) -> str:
    """Return one of `UNPACK_ERRORS` in a line."""
    reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    # The first line: in those that follow, NumPy advises to allow pickled objects.
    return one_line(reason.partition("\n")[0]) or type(exc).__name__


def load_arrays(source: Path | BinaryIO, max_bytes: int = MAX_ARRAYS_BYTES) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file by name; together they may have *max_bytes*.

    Sizes are checked before anything is unpacked. Raises `ValueError` if the file is damaged or something else.
    """
    try:
        with contextlib.ExitStack() as stack:
            # warnings: NumPy's parser of headers warns of odd ones, which are refused or read all the same.
            stack.enter_context(warnings.catch_warnings(action="ignore"))
            file = source if not isinstance(source, Path) else stack.enter_context(open_regular(source))
            _refuse_other_than_zip(file)
            archive = stack.enter_context(open_zip(file))
            return _arrays(archive, max_bytes)
    except UNPACK_ERRORS as exc:
        raise ValueError(unpack_reason(exc)) from exc


def _refuse_other_than_zip(file: BinaryIO) -> None:
    start = file.read(len(NPY_MAGIC))
    file.seek(0)
    if not start:
        raise ValueError("it is empty")
    if start == NPY_MAGIC:
        raise ValueError("it is a single array, as .npy files are")


def _arrays(archive: zipfile.ZipFile, max_bytes: int) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    left = max_bytes
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if member.compress_type not in METHODS:
            raise ValueError(f"{name!r} is packed by method {member.compress_type}, which is not supported")
        if name in arrays:
            raise ValueError(f"it holds {name!r} twice")
        with archive.open(member) as file:
            try:
                arrays[name] = _read_array(file, left)
            except UNPACK_ERRORS as exc:
                raise ValueError(f"{name[:MAX_SHOWN]!r}: {unpack_reason(exc)}") from exc
        left -= arrays[name].nbytes
    return arrays


def _read_array(file: IO[bytes], max_bytes: int) -> NDArray[Any]:
    """Return the array in *file*, in the format ``.npy``, if it has *max_bytes* at most. Raises `UNPACK_ERRORS`."""
    # Imported here: a run reads no arrays.
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    # Version 3 is for structured arrays whose fields have unusual names.
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of the format, which is not read here")
    shape, fortran_order, dtype = readers[version](file, max_header_size=MAX_HEADER_BYTES)
    # Pickled objects can execute code when they are loaded.
    if dtype.hasobject or dtype.names is not None or dtype.itemsize == 0:
        raise ValueError(f"it holds {'objects' if dtype.hasobject else 'records'}, not numbers or text")
    # In Python's integers, which do not overflow.
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > max_bytes:
        raise ValueError(f"it claims shape {str(shape)[:MAX_SHOWN]}, more than the {max_bytes} bytes allowed")
    content = _exactly(file, size)
    return np.ndarray(shape, dtype, buffer=content, order="F" if fortran_order else "C")


def _exactly(file: IO[bytes], size: int) -> bytearray:
    # It grows with what is really there: a header may claim what it likes.
    content = bytearray()
    while len(content) < size:
        chunk = file.read(min(CHUNK_BYTES, size - len(content)))
        if not chunk:
            raise ValueError(f"it has {len(content)} bytes, its header says {size}")
        content += chunk
    return content
