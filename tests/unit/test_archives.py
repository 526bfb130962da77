from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from edge_fer.archives import load_arrays

ARRAYS = {"a": np.arange(6).reshape(2, 3), "b": np.array("text")}


def written(save, *arrays, **named) -> bytes:
    save(file := io.BytesIO(), *arrays, **named)
    return file.getvalue()


WHOLE = written(np.savez_compressed, **ARRAYS)


def test_saved_arrays_are_loaded():
    loaded = load_arrays(io.BytesIO(WHOLE))
    assert loaded.keys() == ARRAYS.keys()
    assert all(np.array_equal(loaded[name], array) for name, array in ARRAYS.items())


def marked(flags: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return the archive with *flags* and *method* in its first entry, in both places that have them."""
    content = bytearray(WHOLE)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(signature) + at
        content[start : start + 4] = flags.to_bytes(2, "little") + method.to_bytes(2, "little")
    return bytes(content)


def with_open_header() -> bytes:
    """Return an archive whose array header lacks its closing brace, with a right checksum."""
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("a.npy", written(np.save, ARRAYS["a"]).replace(b"}", b" ", 1))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (WHOLE[:-30], "not a zip"),
        (b"nothing of the kind", "not a zip"),
        (written(np.save, ARRAYS["a"]), "a single array"),
        (written(np.savez, a=np.array([object()])), "it holds objects"),
        (marked(flags=1), "is encrypted"),
        (marked(method=99), "not supported"),
        (WHOLE[:60] + b"\xff" * 40 + WHOLE[100:], "."),
        (with_open_header(), "EOF in multi-line statement|header"),
    ],
    ids=["empty", "cut", "text", "npy", "objects", "encrypted", "method", "damaged", "header"],
)
def test_other_content_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        load_arrays(io.BytesIO(content))
