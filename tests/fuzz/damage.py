"""Damage to bytes that knows nothing of what they mean."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

EDGES: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Numbers at which a field of 8, 16 or 32 bits ends."""
NUMBERS: Final = (
    b"0",
    b"-1",
    b"65536",
    b"2147483647",
    b"4294967296",
    b"99999999999999999999",
    b"1e400",
    b"nan",
    b"0.0",
)


def damage(rng: random.Random, content: bytes, most: int = 4) -> bytes:
    """Return *content* after one to *most* random changes."""
    for _ in range(rng.randint(1, most)):
        content = rng.choice(DAMAGES)(rng, content)
    return content


def place(rng: random.Random, size: int) -> int:
    """Return a place in a file of *size* bytes; every other one near its start or end, where headers are."""
    if size < 2:
        return 0
    near = min(size, 256)
    return rng.choice((rng.randrange(near), size - 1 - rng.randrange(near), rng.randrange(size), rng.randrange(size)))


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 8))):
        if changed:
            changed[place(rng, len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(rng: random.Random, content: bytes) -> bytes:
    at = place(rng, len(content))
    noise = rng.randbytes(rng.choice((1, 2, 4, 16, 64)))
    return content[:at] + noise + content[at + len(noise) :]


def _edge(rng: random.Random, content: bytes) -> bytes:
    form = rng.choice(("B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    limit = 1 << 8 * struct.calcsize(form)
    number = struct.pack(form, rng.choice(EDGES) % limit)
    at = place(rng, len(content))
    return content[:at] + number + content[at + len(number) :]


def _cut_end(rng: random.Random, content: bytes) -> bytes:
    return content[: place(rng, len(content))]


def _cut_start(rng: random.Random, content: bytes) -> bytes:
    return content[rng.choice((1, 2, 4, 16, 100)) :]


def _cut_middle(rng: random.Random, content: bytes) -> bytes:
    at = place(rng, len(content))
    return content[:at] + content[at + rng.choice((1, 4, 64, 1024)) :]


def _insert(rng: random.Random, content: bytes) -> bytes:
    at = place(rng, len(content))
    size = rng.choice((1, 4, 64, 1024))
    filler = rng.choice((rng.randbytes(size), bytes(size), b"\xff" * size))
    return content[:at] + filler + content[at:]


def _blank(rng: random.Random, content: bytes) -> bytes:
    at = place(rng, len(content))
    size = min(rng.choice((4, 64, 1024)), len(content) - at)
    return content[:at] + rng.choice((b"\0", b"\xff", b" ")) * size + content[at + size :]


def _swap(rng: random.Random, content: bytes) -> bytes:
    size = rng.choice((4, 64, 512))
    if len(content) < 2 * size:
        return content[::-1]
    first = rng.randrange(len(content) - 2 * size + 1)
    second = rng.randrange(first + size, len(content) - size + 1)
    a = content[first : first + size]
    b = content[second : second + size]
    return content[:first] + b + content[first + size : second] + a + content[second + size :]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    at = place(rng, len(content))
    block = content[at : at + rng.choice((4, 64, 1024))]
    return content[:at] + block * rng.choice((2, 3, 20)) + content[at:]


def _number(rng: random.Random, content: bytes) -> bytes:
    """Replace a number that is written as text."""
    found = list(re.finditer(rb"\d+", content[:200_000]))
    if not found:
        return _edge(rng, content)
    number = rng.choice(found)
    return content[: number.start()] + rng.choice(NUMBERS) + content[number.end() :]


DAMAGES: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    _flip, _flip, _overwrite, _edge, _edge, _cut_end, _cut_start, _cut_middle, _insert, _blank, _swap, _repeat, _number,
)  # fmt: skip
