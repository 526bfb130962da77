"""Damaged ``.npz`` files: headers, types, shapes, bombs."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fuzz.damage import damage

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

Members = dict[str, bytes]

SHAPES: Final = (
    "(0,)", "()", "(-1, 16, 16)", "(2147483647, 16, 16)", "(99999999999999999999,)", "(4, 16)", "(1000000, 1000000)",
    "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
    "(True, 16, 16)", "(1.5,)", "('a',)", "None", "[1, 2]",
)  # fmt: skip
DTYPES: Final = (
    "'|O'", "'<f8'", "'>f4'", "'<f2'", "'|b1'", "'<c16'", "'<U4'", "'|S100'", "'<M8[ns]'", "'|V999999'", "'nonsense'",
    "[('a', '<f4'), ('b', '|O')]", "'<U2147483647'", "('<f4', (1000, 1000))", "None", "'<i8'", "{'names': ['a']}",
)  # fmt: skip
HEADERS: Final = (
    "{", "", "[]", "__import__('os').system('true')", "{'descr': '<f4'}", "{'a': 1}" * 5000, "\0" * 100, "(" * 5000,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': 1}", "-" * 60_000, "é",
)  # fmt: skip


def damaged_npz(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    """Return a damaged copy of an ``.npz``, and what was done."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    act = rng.choice(tuple(ACTS))
    changed = ACTS[act](rng, members)
    return (changed if isinstance(changed, bytes) else _packed(rng, changed)), act


def _packed(rng: random.Random, members: Members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def npy(header: str, data: bytes, version: tuple[int, int] = (1, 0)) -> bytes:
    """Return an ``.npy`` with *header* as it stands."""
    encoded = header.encode("utf-8" if version >= (3, 0) else "latin-1", "replace") + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", min(len(encoded), 65535))
    return b"\x93NUMPY" + bytes(version) + length + encoded


def _described(dtype: str, shape: str, order: bool = False) -> str:
    return f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}"


def _one(rng: random.Random, members: Members) -> str:
    return rng.choice(sorted(members))


def _member_bytes(rng: random.Random, members: Members) -> Members:
    name = _one(rng, members)
    return {**members, name: damage(rng, members[name])}


def _header(rng: random.Random, members: Members) -> Members:
    name = _one(rng, members)
    data = members[name][128:]
    version = rng.choice(((1, 0), (2, 0), (3, 0), (9, 9), (0, 0)))
    header = rng.choice(HEADERS) if rng.random() < 0.4 else _described(rng.choice(DTYPES), rng.choice(SHAPES))
    return {**members, name: npy(header, data, version) + data}


def _array(rng: random.Random, members: Members) -> Members:
    """Another array, itself sound."""
    name = _one(rng, members)
    shape = rng.choice(((0,), (0, 16, 16), (4, 3), (10, 3), (10, 16, 16), (10, 17, 16), (1, 3), (10, 3, 1), ()))
    dtype: Any = rng.choice((np.uint8, np.float32, np.float64, np.float16, np.int64, ">f4", "U5", bool, complex))
    array = np.zeros(shape, dtype)
    if array.dtype.kind == "f" and array.size:
        array.flat[0] = rng.choice((np.nan, np.inf, -1.0, 2.0, 1.0))
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asfortranarray(array) if rng.random() < 0.3 else array)
    return {**members, name: out.getvalue()}


def _bomb(rng: random.Random, members: Members) -> bytes:
    """A few megabytes that unpack to gigabytes of zeros."""
    name, shape = rng.choice(
        (("inputs.npy", (6_000_000, 16, 16)), ("litert-int8.npy", (100_000_000, 3)), ("x.npy", (1 << 30,)))
    )
    dtype = "'|u1'" if len(shape) == 3 else "'<f4'"
    size = int(np.prod(shape)) * (1 if len(shape) == 3 else 4)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for other, content in members.items():
            if other != name:
                archive.writestr(other, content)
        with archive.open(name, "w", force_zip64=True) as file:
            file.write(npy(_described(dtype, str(shape)), b""))
            block = bytes(1 << 22)
            for _ in range(min(size, 800 << 20) // len(block)):
                file.write(block)
    return out.getvalue()


def _names(rng: random.Random, members: Members) -> Members:
    name = _one(rng, members)
    content = members.pop(name)
    return {
        **members,
        rng.choice(("inputs", "../inputs.npy", "inputs.npy/x", "é.npy", ".npy", "a" * 300 + ".npy")): content,
    }


def _many(rng: random.Random, members: Members) -> Members:
    content = members[_one(rng, members)]
    return {**members, **{f"m{number}.npy": content for number in range(rng.choice((100, 3000)))}}


def _fewer(rng: random.Random, members: Members) -> Members:
    members.pop(_one(rng, members))
    return members


def _container(rng: random.Random, members: Members) -> bytes:
    return damage(rng, _packed(rng, members))


def _single(rng: random.Random, members: Members) -> bytes:
    return rng.choice((members[_one(rng, members)], b"", b"PK\x05\x06" + bytes(18), b"\x80\x04N.", b"garbage"))


ACTS: Final[dict[str, Callable[[random.Random, Members], Members | bytes]]] = {
    "bytes of a member": _member_bytes,
    "header": _header,
    "array": _array,
    "bomb": _bomb,
    "names": _names,
    "many members": _many,
    "fewer members": _fewer,
    "bytes of the npz": _container,
    "no npz": _single,
}
