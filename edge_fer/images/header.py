"""What an image file says about itself before a pixel of it is decoded.

A picture of a few bytes can claim any size, and a decoder allocates what is claimed. OpenCV has no function that only
reads a header. Each reader below finds what OpenCV's decoder of that format will allocate, which is not always the size
of the picture: a TIFF has strips, an animation frames, a progressive JPEG coefficients. What is of no format below is
never handed to OpenCV.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from edge_fer.images import avif

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["AVIF", "BMP", "GIF", "JPEG", "PNG", "PNM", "TIFF", "WebP"]

MAX_SCANS: Final = 500
"""Scans of a JPEG that are decoded. Encoders write about ten; each goes over all of the picture."""
SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG's frame header (ITU-T T.81, table B.1)."""
MULTI_SCAN_SOF: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
"""Markers of frames that come in several scans: the progressive ones."""
WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
"""Markers of a JPEG that nothing follows; a 0 after 0xFF is no marker."""
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, PLANES, ROWS = 256, 257, 258, 259, 262, 277, 278
TILE_WIDTH, TILE_HEIGHT = 322, 323
"""Tags of a TIFF (TIFF 6.0, Adobe 1992, appendix A)."""
TIFF_TYPES: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Types of whole numbers in a TIFF, as `struct` calls them; 16 is BigTIFF's."""
WHITE_IS_ZERO: Final = 0
PNM_START: Final = re.compile(rb"P([1-6])")
PNM_NUMBER: Final = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*(\d{1,10})")


@dataclass(frozen=True)
class Header:
    """What a picture claims to be."""

    form: Format
    width: int
    """In pixels, before it is turned as its EXIF note says."""
    height: int
    bits: int = 8
    """Of a sample, as stored."""
    white: int | None = None
    """The sample that is white, where the file says it: PNM's maxval, PNG's sBIT."""
    inverted: bool = False
    """Whether 0 is white."""
    extra_bytes: float = 0.0
    """What decoding takes besides the picture itself, in bytes for each pixel of the file."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height


def read_header(content: bytes) -> Header:
    """Return the header of an image file's *content*.

    Raises `ValueError` with the reason, as the end of a sentence that begins with the file's name.
    """
    if not content:
        raise ValueError("is empty (0 bytes); copy it again")
    try:
        header = _read(content)
    except (struct.error, IndexError) as exc:
        raise ValueError(f"({len(content)} bytes) is not an image: it ends within its header; copy it again") from exc
    if min(header.width, header.height) < 1:
        raise ValueError(f"is not an image: its header says {header.width}x{header.height} pixels; copy it again")
    return header


def _read(content: bytes) -> Header:
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content)
    if content.startswith(b"BM"):
        return _bmp(content)
    if content.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack_from("<HH", content, 6)
        return Header("GIF", width, height, extra_bytes=4)
    if content.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _tiff(content)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _webp(content)
    if content[4:8] == b"ftyp":
        return _avif(content)
    if PNM_START.match(content):
        return _pnm(content)
    raise ValueError(f"({len(content)} bytes) is not an image that is read; convert it to PNG or JPEG")


def _jpeg(content: bytes) -> Header:
    width = height = components = 0
    marker = frame_marker = 0
    subsampled = 1.0
    at = 2
    while marker != 0xDA:  # start of scan: pixels follow
        at = _at(content, b"\xff", at)
        while content[at] == 0xFF:
            at += 1
        marker = content[at]
        at += 1
        if marker in WITHOUT_LENGTH:
            continue
        if marker in SOF:
            frame_marker = marker
            height, width, components = struct.unpack_from(">HHB", content, at + 3)
            subsampled = _coefficients(content[at + 8 : at + 8 + 3 * components])
        if marker != 0xDA:
            at += max(2, *struct.unpack_from(">H", content, at))
    several_scans = frame_marker in MULTI_SCAN_SOF or content[at + 2] < components
    if several_scans and content.count(b"\xff\xda") > MAX_SCANS:
        raise ValueError(f"is a JPEG of more than {MAX_SCANS} scans, which would take hours; save it again")
    # libjpeg keeps two bytes for each coefficient of a picture that comes in several scans.
    return Header("JPEG", width, height, extra_bytes=2 * subsampled if several_scans else 0)


def _coefficients(components: bytes) -> float:
    """Return the number of coefficients a pixel of a JPEG's *components*, three bytes each."""
    across = [max(1, factors >> 4) for factors in components[1::3]]
    down = [max(1, factors & 15) for factors in components[1::3]]
    blocks = sum(x * y for x, y in zip(across, down, strict=True))
    return blocks / (max(across, default=1) * max(down, default=1))


def _png(content: bytes) -> Header:
    width, height, bits = struct.unpack_from(">IIB", content, 16)
    white = None
    frames_bytes = 0.0
    for name, start, length in _png_chunks(content):
        if name == b"sBIT" and length:
            significant = max(content[start : start + length])
            white = 2**significant - 1 if 8 < significant < bits else None
        elif name == b"acTL":
            frames_bytes = 16.0  # OpenCV composes animations of several canvases
    return Header("PNG", width, height, bits, white, extra_bytes=frames_bytes)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and length of each chunk before the pixels."""
    at = 8
    while True:
        length, name = struct.unpack_from(">I4s", content, at)
        if name == b"IDAT":
            return
        yield name, at + 8, length
        at += 12 + length


def _bmp(content: bytes) -> Header:
    (size,) = struct.unpack_from("<I", content, 14)
    form = "<HH" if size == 12 else "<ii"
    width, height = struct.unpack_from(form, content, 18)
    return Header("BMP", abs(width), abs(height))  # a negative height: from the top down


def _webp(content: bytes) -> Header:
    sizes = [_webp_size(content, name, start) for name, start in _webp_chunks(content)]
    # Of an animation and of a picture whose parts contradict each other, the largest.
    return Header("WebP", max(w for w, _ in sizes), max(h for _, h in sizes), extra_bytes=8)


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield name and start of each chunk that holds a size. Raises `struct.error` if there is none."""
    at = 12
    found = False
    while not found or at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        if name in {b"VP8X", b"VP8 ", b"VP8L", b"ANMF"}:
            found = True
            yield name, at + 8
        at += 8 + length + length % 2


def _webp_size(content: bytes, name: bytes, start: int) -> tuple[int, int]:
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L":
        (packed,) = struct.unpack_from("<I", content, start + 1)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    start += 4 if name == b"VP8X" else 6
    sides = content[start : start + 6]
    return int.from_bytes(sides[:3], "little") + 1, int.from_bytes(sides[3:], "little") + 1


def _avif(content: bytes) -> Header:
    (size,) = struct.unpack_from(">I", content)
    brands = content[8:size]
    if b"avif" not in brands and b"avis" not in brands:
        raise ValueError("is in HEIC or another format that OpenCV does not read; convert it to JPEG")
    sizes = avif.sizes(content)
    if not sizes:
        raise ValueError("is an AVIF without a size in its header; convert it to PNG or JPEG")
    return Header("AVIF", max(w for w, _ in sizes), max(h for _, h in sizes), extra_bytes=14)


def _tiff(content: bytes) -> Header:
    tags = _tiff_tags(content)
    width = tags.get(WIDTH, 0)
    height = tags.get(HEIGHT, 0)
    bits = tags.get(BITS, 1)
    planes = tags.get(PLANES, 1)
    # A strip or a tile is decoded as a whole, four samples of it at least where it is in another colour space.
    strip_px = width * min(tags.get(ROWS, height), height)
    tile_px = tags.get(TILE_WIDTH, 0) * tags.get(TILE_HEIGHT, 0)
    held_bytes = max(strip_px, tile_px) * max(planes * bits / 8, 4)
    inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    return Header("TIFF", width, height, bits, inverted=inverted, extra_bytes=held_bytes / max(1, width * height))


def _tiff_tags(content: bytes) -> dict[int, int]:
    """Return the first value of each tag of the first picture that is a whole number."""
    order = "<" if content[0:1] == b"I" else ">"
    big = 43 in content[2:4]  # BigTIFF: offsets of eight bytes
    (directory,) = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), content, directory)
    directory += 8 if big else 2
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    tags = {}
    for index in range(min(count, 0xFFFF)):
        tag, kind, values, inline = entry.unpack_from(content, directory + index * entry.size)
        form = TIFF_TYPES.get(kind)
        if form is None or not values:
            continue
        form = order + form
        if struct.calcsize(form) * values > len(inline):
            (offset,) = struct.unpack(order + ("Q" if big else "I"), inline)
            (tags[tag],) = struct.unpack_from(form, content, offset)
        else:
            (tags[tag],) = struct.unpack_from(form, inline)
    return tags


def _pnm(content: bytes) -> Header:
    # P1 and P4 are of one bit: they have no largest value.
    numbers = []
    at = 2
    for _ in range(2 if content[1:2] in b"14" else 3):
        found = PNM_NUMBER.match(content, at)
        if found is None:
            raise ValueError(f"({len(content)} bytes) is not an image: its header ends early; copy it again")
        numbers.append(int(found[1]))
        at = found.end()
    width, height, *largest = numbers
    white = largest[0] if largest else None
    if white is not None and not 0 < white < 65536:
        raise ValueError(f"is not an image: its largest value is {white}; it should be 1 to 65535")
    if white is not None and white > 255:
        return Header("PNM", width, height, 16, white)
    # OpenCV scales samples of eight bits in text itself, but not binary ones.
    return Header("PNM", width, height, white=white if content[1:2] in b"56" else None)


def _at(content: bytes, wanted: bytes, start: int) -> int:
    found = content.find(wanted, start)
    if found < 0:
        raise IndexError(start)
    return found
