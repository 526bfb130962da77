"""Zip files and NumPy's archives from outside, which may be damaged."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.lib.npyio import NpzFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

UNPACK_ERRORS: Final = (
    OSError, EOFError, KeyError, ValueError, RuntimeError, MemoryError, SyntaxError, tokenize.TokenError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""All that zipfile raises for damaged, encrypted, missing or unsupported members, and NumPy for damaged headers."""


def load_arrays(source: Path | BinaryIO) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file by name. Raises `ValueError` if it is damaged or something else."""
    try:
        # Pickled objects can execute code when they are loaded.
        archive = np.load(source, allow_pickle=False)
        if not isinstance(archive, NpzFile):
            raise ValueError("it is a single array, as .npy files are")  # noqa: TRY004 (of a file, its content is a value)
        with archive:
            return dict(archive)
    except UNPACK_ERRORS as exc:
        raise ValueError(str(exc) or type(exc).__name__) from exc
