from __future__ import annotations

import io
import os
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


def with_header(header: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """Return an archive of one array with this header, and a hundred bytes behind it."""
    size = len(header).to_bytes(2 if version == (1, 0) else 4, "little")
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY" + bytes(version) + size + header.encode() + bytes(100))
    return file.getvalue()


def described(shape: str, descr: str = "'|u1'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (described("(-1,)"), "claims shape"),
        (described("(-1, -1)"), "claims shape"),
        (described("(10**12,)"), "header|malformed"),
        (described("(999999999999,)"), "claims shape"),
        (described("(9223372036854775807, 9223372036854775807)"), "claims shape"),
        (described("(99,)", "[('x', '<f4')]"), "records"),
        (described("(99,)", "'|O'"), "objects"),
        (described("(99999999999,)", "'|V0'"), "records"),
        (described("(101,)"), "has 100 bytes, its header says 101"),
        (described("(99,)", "'nonsense'"), "descr"),
        (described("(99,)", order="3"), "fortran_order"),
        (" " * 20_000, r"^'a': Header info length \(20000\) is large[^\n]*$"),
        ("(" * 5_000, "."),
        ("{}", "keys"),
    ],
)
def test_odd_headers_are_one_line(header, message, recwarn):
    with pytest.raises(ValueError, match=message) as error:
        load_arrays(io.BytesIO(with_header(header)))
    assert "\n" not in str(error.value)
    assert not recwarn.list


def test_long_integers_of_python_2_are_read_without_a_warning(recwarn):
    assert load_arrays(io.BytesIO(with_header(described("(7L,)"))))["a"].shape == (7,)
    assert not recwarn.list


@pytest.mark.parametrize("version", [(3, 0), (0, 0), (9, 9)])
def test_unusual_versions_of_the_format_are_refused(version):
    with pytest.raises(ValueError, match="version"):
        load_arrays(io.BytesIO(with_header(described("(1,)"), version)))


def test_fortran_order_and_version_2_are_read():
    loaded = load_arrays(io.BytesIO(with_header(described("(20, 5)", order="True"), (2, 0))))
    assert loaded["a"].shape == (20, 5)
    assert loaded["a"].flags.f_contiguous


def test_arrays_are_bounded_together():
    content = written(np.savez_compressed, a=np.zeros(600, np.uint8), b=np.zeros(600, np.uint8))
    assert load_arrays(io.BytesIO(content), 1200).keys() == {"a", "b"}
    with pytest.raises(ValueError, match="more than the 599 bytes allowed"):
        load_arrays(io.BytesIO(content), 1199)


def test_loaded_arrays_can_be_changed():
    load_arrays(io.BytesIO(WHOLE))["a"][0] = 7


def test_a_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(ValueError, match="it is a pipe, not a file"):
        load_arrays(tmp_path / "pipe.npz")


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
