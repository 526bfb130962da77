"""Sizes that an AVIF claims: in its boxes, and in the AV1 stream by which its decoder allocates.

Boxes: ISO/IEC 14496-12 and 23008-12. Stream: AV1 Bitstream & Decoding Process Specification, sections 5.3 to 5.5.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SEQUENCE_HEADER: Final = 1
"""Type of the OBU that holds the size."""
FRAMES: Final = frozenset({3, 6})
"""Types of the OBUs that hold pixels; a sequence header comes before them."""


def sizes(content: bytes) -> list[tuple[int, int]]:
    """Return every width and height that an AVIF's *content* claims. Raises `struct.error` or `IndexError` at its end.

    Boxes are searched for, not followed: whichever of them a decoder goes by, it is among them.
    """
    found: list[tuple[int, int]] = []
    for name, box in _boxes(content):
        offsets: list[int] = []
        if name == b"meta":
            found += [struct.unpack_from(">II", box, place.end() + 4) for place in re.finditer(b"ispe", box)]
            offsets = [offset for place in re.finditer(b"iloc", box) for offset in _item_offsets(box, place.end())]
            # Items may lie in the meta box itself, with offsets from there.
            within = [place.end() for place in re.finditer(b"idat", box)]
            for start in within:
                found += [size for offset in offsets for size in _stream_sizes(box, start + offset)]
        elif name == b"moov":
            found += [struct.unpack_from(">HH", box, place.end() + 24) for place in re.finditer(b"av01", box)]
            offsets = list(_chunk_offsets(box))
        found += [size for offset in offsets for size in _stream_sizes(content, offset)]
    return found


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the outermost boxes of interest."""
    at = 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        begin = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, begin)
            begin += 8
        end = at + size if size else len(content)
        if name in {b"meta", b"moov"}:
            yield name, content[begin:end]
        at = max(end, begin)


def _item_offsets(box: bytes, at: int) -> Iterator[int]:
    """Yield where the items begin that the item location box at *at* lists."""
    version, sizes_of_fields = struct.unpack_from(">B3xH", box, at)
    at += 6
    offset_size, length_size, base_size, index_size = (sizes_of_fields >> shift & 15 for shift in (12, 8, 4, 0))
    id_size = 4 if version == 2 else 2
    items = int.from_bytes(box[at : at + id_size])
    at += id_size
    for _ in range(min(items, len(box))):
        at += id_size + (4 if version else 2)
        base = int.from_bytes(box[at : at + base_size])
        at += base_size
        (extents,) = struct.unpack_from(">H", box, at)
        at += 2
        for _ in range(extents):
            at += index_size if version else 0
            if at >= len(box):
                return
            yield base + int.from_bytes(box[at : at + offset_size])
            at += offset_size + length_size


def _chunk_offsets(box: bytes) -> Iterator[int]:
    for name, form in ((b"stco", "I"), (b"co64", "Q")):
        for place in re.finditer(name, box):
            (count,) = struct.unpack_from(">4xI", box, place.end())
            size = struct.calcsize(form)
            for index in range(min(count, len(box) // size)):
                yield struct.unpack_from(f">{form}", box, place.end() + 8 + index * size)[0]


def _stream_sizes(content: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield the size in each sequence header of the stream at *at*, up to its first frame."""
    while at + 2 <= len(content):
        first = content[at]
        kind = first >> 3 & 15
        has_extension = first >> 2 & 1
        has_size = first >> 1 & 1
        at += 1 + has_extension
        if first & 0x81 or kind in FRAMES or not has_size:  # a bit that is always 0 is not: no stream
            return
        size, at = _leb128(content, at)
        if kind == SEQUENCE_HEADER:
            yield _sequence_size(content[at : at + size])
        at += size


def _leb128(content: bytes, at: int) -> tuple[int, int]:
    """Return the number at *at*, seven bits a byte with the lowest first, and where it ends."""
    number = 0
    for index in range(8):
        byte = content[at + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            break
    return number, at + index + 1


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._number = int.from_bytes(content)
        self._left = 8 * len(content)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError(count)
        return self._number >> self._left & ((1 << count) - 1)

    def skip_uvlc(self) -> None:
        zeros = 0
        while not self.take(1):
            zeros += 1
        self.take(zeros)


def _sequence_size(payload: bytes) -> tuple[int, int]:
    bits = _Bits(payload)
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits = bits.take(4) + 1
    height_bits = bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.skip_uvlc()
        if bits.take(1):  # decoder model
            delay_bits = bits.take(5) + 1
            bits.take(42)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
