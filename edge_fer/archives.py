"""Zips, and numpy's archives, of which nobody knows whether they are whole."""

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
"""What zipfile raises for members that are damaged, encrypted, exotic or missing, and numpy for damaged headers."""


def load_arrays(source: Path | BinaryIO) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz``, by name. Raises `ValueError` for what is none, or is damaged."""
    try:
        found = np.load(source, allow_pickle=False)
        if not isinstance(found, NpzFile):
            raise ValueError("it is a single array, as .npy files are")  # noqa: TRY004 (of a file, its content is a value)
        with found:
            return {name: found[name] for name in found.files}
    except UNPACK_ERRORS as exc:
        raise ValueError(str(exc) or type(exc).__name__) from exc
