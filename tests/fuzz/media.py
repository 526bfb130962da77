"""Damaged pictures and films, most of a drawn face, and what is not one of either under its name."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from PIL import Image

from fuzz import films
from fuzz.bundles import write_small
from fuzz.case import INPUT, Case, Command
from fuzz.damage import EDGES, damage
from fuzz.drawn import face, face_png

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

RUNS: Final = frozenset({0, 3, 5})
"""Done, bad input, nothing that can be read."""
EVALUATES: Final = frozenset({0, 3})
FORMATS: Final = (".png", ".jpg", ".bmp", ".webp", ".tif", ".pgm", ".ppm", ".gif", ".jfif", ".avif")
SIDES: Final = (0, 1, 2, 255, 4096, 20_000, 30_000, 65_535, 70_000, 2**31 - 1, 2**32 - 1)
TEXTS: Final = (
    b"", b"\0", b"P5", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWEBP", b"II*\0", b"BM",
    b"hello\n" * 1000, b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n", b"<svg/>",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n", b"%PDF-1.4", b"PK\3\4", b"\x1f\x8b\x08",
    b"SIMPLE  =                    T", b"#?RADIANCE\n", b"v/1\1", b"\0\0\0\x0cjP  \r\n\x87\n", b"\0" * 100_000,
)  # fmt: skip
"""Starts of many formats, and playlists that lead to other files."""


def make(rng: random.Random, folder: Path, base: Path) -> Case:
    """Write a damaged picture or film, and what runs on it."""
    if rng.random() < 0.45:
        return _film(rng, folder / INPUT, base)
    return _picture(rng, folder / INPUT)


def _picture(rng: random.Random, folder: Path) -> Case:
    act = rng.choice(tuple(PICTURES))
    suffix, content = PICTURES[act](rng)
    (folder / "faces" / "dark").mkdir(parents=True)
    (folder / "faces" / "bright").mkdir()
    path = folder / "faces" / "dark" / f"a{suffix}"
    path.write_bytes(content)
    (folder / "faces" / "bright" / "b.png").write_bytes(face_png())
    (folder / "faces" / "dark" / "c.png").write_bytes(face_png())
    model = write_small(folder)
    run = ("run", "--model", model, "--json", "--source")
    commands = [Command((*run, f"{INPUT}/faces/dark/{path.name}", *_saved(rng)), RUNS)]
    if rng.random() < 0.5:
        commands.append(Command((*run, f"{INPUT}/faces/dark"), RUNS))
    if rng.random() < 0.5:
        systems = ("eval", model, "--data", f"{INPUT}/faces", "--sweeps", "none")
        commands.append(Command(systems, EVALUATES))
    return Case(f"{act} of a {suffix}", tuple(commands))


def _film(rng: random.Random, folder: Path, base: Path) -> Case:
    name = rng.choice(tuple(films.CODECS))
    act = rng.choice(tuple(FILMS))
    content = FILMS[act](rng, (base / name).read_bytes())
    if rng.random() < 0.1:
        name = rng.choice(tuple(films.CODECS))
    path = folder / name
    path.write_bytes(content)
    run = ("run", "--model", write_small(folder), "--source", f"{INPUT}/{name}")
    return Case(f"{act} of {name}", (Command((*run, *rng.choice(((), ("--json",))), *_saved(rng)), RUNS),))


def _saved(rng: random.Random) -> tuple[str, ...]:
    return ("--save", "out") if rng.random() < 0.3 else ()


def _pixels(rng: random.Random) -> NDArray[np.generic]:
    """Return the drawn face in one of the forms that pictures have."""
    grey = face()
    form = rng.choice(("grey", "colour", "alpha", "16 bit", "16 bit colour"))
    if form == "grey":
        return grey
    if form == "colour":
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    if form == "alpha":
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGRA)
    deep = grey.astype(np.uint16) * 257
    return deep if form == "16 bit" else cv2.cvtColor(deep, cv2.COLOR_GRAY2BGR)


def encoded(rng: random.Random, suffix: str) -> bytes:
    """Return a sound picture of the format *suffix*."""
    if suffix in {".gif", ".avif", ".jfif"}:  # OpenCV writes not all of them in each of its builds
        out = io.BytesIO()
        Image.fromarray(face()).save(out, {".gif": "GIF", ".avif": "AVIF", ".jfif": "JPEG"}[suffix])
        return out.getvalue()
    pixels = _pixels(rng)
    if suffix in {".jpg", ".bmp", ".webp", ".pgm"} and pixels.dtype == np.uint16:
        pixels = face()
    if suffix == ".pgm":
        pixels = pixels if pixels.ndim == 2 else face()
    if suffix == ".ppm" and pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    if suffix == ".ppm" and pixels.shape[2] == 4:
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    written, content = cv2.imencode(suffix, pixels)
    assert written
    return content.tobytes()


def _damaged(rng: random.Random) -> tuple[str, bytes]:
    suffix = rng.choice(FORMATS)
    return suffix, damage(rng, encoded(rng, suffix))


def _renamed(rng: random.Random) -> tuple[str, bytes]:
    """A sound picture under the suffix of another, or something else under the suffix of a picture."""
    content = rng.choice(TEXTS) if rng.random() < 0.6 else encoded(rng, rng.choice(FORMATS))
    return rng.choice(FORMATS), content


def _joined(rng: random.Random) -> tuple[str, bytes]:
    suffix = rng.choice(FORMATS)
    return suffix, encoded(rng, suffix) + rng.choice(
        (encoded(rng, rng.choice(FORMATS)), rng.randbytes(50_000), bytes(1 << 20))
    )


def _lying(rng: random.Random) -> tuple[str, bytes]:
    """A header that says another size or depth, with its checksum where there is one."""
    suffix = rng.choice(tuple(HEADERS))
    return suffix, HEADERS[suffix](rng, encoded(rng, suffix))


def _patched(content: bytes, at: int, number: bytes) -> bytes:
    return content[:at] + number + content[at + len(number) :]


def _png_header(rng: random.Random, content: bytes) -> bytes:
    header = struct.pack(
        ">IIBBBBB", rng.choice(SIDES), rng.choice(SIDES), rng.choice((1, 8, 16, 3)), rng.choice((0, 2, 3, 4, 6, 1)),
        rng.choice((0, 0, 1)), 0, rng.choice((0, 1, 1, 9)),
    )  # fmt: skip
    return content[:8] + chunk(b"IHDR", header) + content[33:]


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _jpeg_header(rng: random.Random, content: bytes) -> bytes:
    match = re.search(rb"\xff[\xc0-\xc2]..(.)(....)(.)", content, re.DOTALL)
    if not match:
        return content
    changed = _patched(
        content, match.start(2), struct.pack(">HH", rng.choice(SIDES) & 0xFFFF, rng.choice(SIDES) & 0xFFFF)
    )
    if rng.random() < 0.3:
        changed = _patched(changed, match.start(1), bytes([rng.choice((1, 12, 16, 255))]))
    if rng.random() < 0.3:
        changed = _patched(changed, match.start(3), bytes([rng.choice((0, 2, 4, 255))]))
    return changed


def _bmp_header(rng: random.Random, content: bytes) -> bytes:
    at, form = rng.choice(((18, "<ii"), (10, "<I"), (14, "<I"), (28, "<HI"), (46, "<I")))
    numbers = [rng.choice((*SIDES, -1, -(2**31), 4, 12, 40, 124)) for _ in form[1:]]
    limits = [1 << 8 * struct.calcsize(f"<{part}") for part in form[1:]]
    data = b"".join(
        (number % limit).to_bytes(limit.bit_length() // 8, "little")
        for number, limit in zip(numbers, limits, strict=True)
    )
    return _patched(content, at, data)


def _webp_header(rng: random.Random, content: bytes) -> bytes:
    return _patched(
        content, rng.randrange(12, 31), struct.pack("<HH", rng.choice(SIDES) & 0xFFFF, rng.choice(SIDES) & 0xFFFF)
    )


def _tiff_header(rng: random.Random, content: bytes) -> bytes:
    """Change one entry of the directory: its tag, type, count or value."""
    order = "<" if content[:2] == b"II" else ">"
    (at,) = struct.unpack(order + "I", content[4:8])
    (entries,) = struct.unpack(order + "H", content[at : at + 2])
    for _ in range(rng.randint(1, 3)):
        entry = at + 2 + 12 * rng.randrange(max(1, entries))
        field, form, values = rng.choice(
            ((0, "H", (256, 257, 258, 259, 262, 273, 277, 279, 284, 322, 330, 65535)), (2, "H", (0, 1, 3, 4, 16, 99)),
             (4, "I", SIDES), (8, "I", (*SIDES, at, 8)), (8, "I", SIDES))
        )  # fmt: skip
        content = _patched(content, entry + field, struct.pack(order + form, rng.choice(values)))
    return content


def _pnm_header(rng: random.Random, content: bytes) -> bytes:
    numbers = [str(rng.choice((*SIDES, -5, 10**30))) for _ in range(2)]
    depth = rng.choice(("255", "65535", "0", "1", "1023", "-1", "99999999", ""))
    kind = rng.choice((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"PF", b"P9"))
    between = rng.choice((" ", "\n", "\n# comment\n", " # " + "x" * 10_000 + "\n"))
    return kind + b"\n" + f"{numbers[0]}{between}{numbers[1]}\n{depth}\n".encode() + content[-76_800:]


def _gif_header(rng: random.Random, content: bytes) -> bytes:
    at = rng.choice((6, content.find(b",") + 5))
    return _patched(content, at, struct.pack("<HH", rng.choice(SIDES) & 0xFFFF, rng.choice(SIDES) & 0xFFFF))


def _avif_header(rng: random.Random, content: bytes) -> bytes:
    at = content.find(b"ispe")
    return _patched(content, at + 8, struct.pack(">II", rng.choice(SIDES), rng.choice(SIDES)))


HEADERS: Final[dict[str, Callable[[random.Random, bytes], bytes]]] = {
    ".png": _png_header,
    ".jpg": _jpeg_header,
    ".bmp": _bmp_header,
    ".webp": _webp_header,
    ".tif": _tiff_header,
    ".pgm": _pnm_header,
    ".ppm": _pnm_header,
    ".gif": _gif_header,
    ".avif": _avif_header,
}


def _bomb(rng: random.Random) -> tuple[str, bytes]:
    """Few bytes that are many pixels, honestly."""
    side = rng.choice((12_000, 16_000, 30_000))
    return rng.choice((_png_bomb, _tiff_bomb, _pbm_bomb, _gif_bomb, _chunk_bomb))(rng, side)


def _png_bomb(rng: random.Random, side: int) -> tuple[str, bytes]:
    packer = zlib.compressobj(1)
    row = bytes(side + 1)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return ".png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _chunk_bomb(rng: random.Random, side: int) -> tuple[str, bytes]:
    """A sound picture with a profile or text that unpacks to very much."""
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(side // 50)) + packer.flush()
    name, prefix = rng.choice(((b"iCCP", b"x\0\0"), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0")))
    whole = face_png()
    return ".png", whole[:33] + chunk(name, prefix + data) + whole[33:]


def _tiff_bomb(rng: random.Random, side: int) -> tuple[str, bytes]:
    data = zlib.compress(bytes(side * 16), 1) if rng.random() < 0.5 else b""
    tags = [
        (256, side), (257, side), (258, rng.choice((8, 16))), (259, 8), (262, 1), (273, 200), (277, rng.choice((1, 3))),
        (278, rng.choice((side, 16))), (279, len(data)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return ".tif", (b"II*\0\x08\0\0\0" + directory + bytes(4)).ljust(200, b"\0") + data


def _pbm_bomb(rng: random.Random, side: int) -> tuple[str, bytes]:
    """A picture of one bit a pixel, whose bytes are all there."""
    rows = min(side, 12_000)
    return ".pgm", f"P4\n{side} {rows}\n".encode() + bytes((side + 7) // 8 * rows)


def _gif_bomb(rng: random.Random, side: int) -> tuple[str, bytes]:
    """A small picture on a large canvas, many times."""
    canvas = struct.pack("<HHBBB", min(side, 65535), min(side, 65535), 0x80, 0, 0) + bytes(6)
    frame = b"!\xf9\4\0\1\0\0\0," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2D\1\0"
    return ".gif", b"GIF89a" + canvas + frame * rng.choice((1, 1000)) + b";"


PICTURES: Final[dict[str, Callable[[random.Random], tuple[str, bytes]]]] = {
    "bytes": _damaged,
    "more bytes": _damaged,
    "another name": _renamed,
    "something behind it": _joined,
    "header": _lying,
    "another header": _lying,
    "bomb": _bomb,
}


def _film_bytes(rng: random.Random, content: bytes) -> bytes:
    return damage(rng, content)


def _film_cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _film_field(rng: random.Random, content: bytes) -> bytes:
    """Change numbers behind the name of a part of the container: sizes, rates, counts, times."""
    names = (
        rb"mvhd|tkhd|mdhd|stts|stsz|stsc|stco|stsd|elst|avih|strh|strf|idx1|movi|moov|trak|avc1|\xe0\x01|\x23\xe3\x83"
    )
    matches = list(re.finditer(names, content))
    for _ in range(rng.randint(1, 4)):
        if not matches:
            return damage(rng, content)
        at = rng.choice(matches).end() + 4 * rng.randrange(12) - 8
        number = struct.pack(rng.choice("<>") + "I", rng.choice(EDGES))
        content = _patched(content, max(0, at), number)
    return content


def _film_text(rng: random.Random, content: bytes) -> bytes:
    return rng.choice(TEXTS)


def _film_joined(rng: random.Random, content: bytes) -> bytes:
    return rng.choice((content + content, content + rng.randbytes(10_000), rng.randbytes(1000) + content, content * 5))


FILMS: Final[dict[str, Callable[[random.Random, bytes], bytes]]] = {
    "bytes": _film_bytes,
    "more bytes": _film_bytes,
    "cut": _film_cut,
    "fields": _film_field,
    "more fields": _film_field,
    "text": _film_text,
    "something behind it": _film_joined,
}
