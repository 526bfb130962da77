from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from edge_fer.images import avif, read_header

FORMS = {"avif": "AVIF", "bmp": "BMP", "gif": "GIF", "jpeg": "JPEG", "png": "PNG", "ppm": "PNM", "tiff": "TIFF",
         "webp": "WebP"}  # fmt: skip


def saved(form: str, width: int = 16, height: int = 12, mode: str = "RGB", **options) -> bytes:
    written = io.BytesIO()
    Image.new(mode, (width, height)).save(written, form, **options)
    return written.getvalue()


def patched(content: bytes, after: bytes, distance: int, new: bytes) -> bytes:
    """Return *content* with *new* at *distance* behind the end of the first *after*."""
    at = content.index(after) + len(after) + distance
    return content[:at] + new + content[at + len(new) :]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "avif"])
@given(width=st.integers(1, 300), height=st.integers(1, 300), mode=st.sampled_from(["1", "L", "P", "RGB", "RGBA"]))
def test_the_size_is_the_one_that_another_library_writes(form, width, height, mode):
    if form in {"jpeg", "ppm"} and mode in {"P", "RGBA"}:
        mode = "RGB"
    header = read_header(saved(form, width, height, mode))
    assert (header.form, header.width, header.height) == (FORMS[form], width, height)


@pytest.mark.parametrize("size", [(16, 12), (300, 1), (63, 65)])
def test_the_size_of_an_avif_is_in_its_boxes(size):
    header = read_header(cv2.imencode(".avif", np.zeros((*size[::-1], 3), np.uint8))[1].tobytes())
    assert (header.form, header.width, header.height) == ("AVIF", *size)


@pytest.mark.parametrize("options", [{"big_tiff": True}, {"compression": "tiff_lzw"}])
def test_other_tiffs_are_read_too(options):
    header = read_header(saved("tiff", 30, 20, **options))
    assert (header.width, header.height, header.bits) == (30, 20, 8)


def test_a_tiff_of_the_other_byte_order_is_read():
    entries = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in [(256, 30), (257, 20), (258, 16)])
    header = read_header(b"MM\0*" + struct.pack(">IH", 8, 3) + entries + bytes(4))
    assert (header.width, header.height, header.bits) == (30, 20, 16)


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}, {"comment": b"\xff\xda" * 900}])
def test_other_jpegs_are_read_too(options):
    header = read_header(saved("jpeg", 30, 20, **options))
    assert (header.width, header.height) == (30, 20)


def test_the_coefficients_of_a_progressive_jpeg_are_counted():
    assert read_header(saved("jpeg", progressive=True, subsampling=2)).extra_bytes == 3  # 4:2:0
    assert read_header(saved("jpeg", progressive=True, subsampling=0)).extra_bytes == 6  # 4:4:4
    assert read_header(saved("jpeg", mode="L", progressive=True)).extra_bytes == 2
    assert read_header(saved("jpeg")).extra_bytes == 0


def test_a_jpeg_of_very_many_scans_is_refused():
    content = saved("jpeg", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    assert read_header(content).width == 16
    with pytest.raises(ValueError, match="more than 500 scans"):
        read_header(content[:-2] + 600 * scan + content[-2:])


LARGE = {
    "the frame of a lossy WebP": patched(saved("webp"), b"VP8 ", 10, struct.pack("<HH", 9000, 9001)),
    "a lossless WebP": patched(saved("webp", lossless=True), b"VP8L", 5, struct.pack("<I", 8999 | 9000 << 14)),
    "the canvas of a WebP": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + bytes([0x27, 0x23, 0, 0x28, 0x23, 0]),
    "a GIF": patched(saved("gif"), b"GIF87a", 0, struct.pack("<HH", 9000, 9001)),
    "a BMP from the top": patched(saved("bmp"), b"BM", 16, struct.pack("<ii", 9000, -9001)),
    "an old BMP": b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 9000, 9001, 1, 24),
    "a PPM with comments": b"P6#9 9\n9000 # 7\r9001\n255\n",
    "an AVIF": patched(cv2.imencode(".avif", np.zeros((8, 8, 3), np.uint8))[1].tobytes(), b"ispe", 4,
                       struct.pack(">II", 9000, 9001)),
}  # fmt: skip


@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE)
def test_what_the_header_claims_counts_whatever_follows(content):
    header = read_header(content)
    assert (header.width, header.height) == (9000, 9001)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
@pytest.mark.parametrize("frames", [1, 2])
def test_an_avif_whose_stream_is_larger_than_its_boxes_say_is_as_large_as_the_stream(frames):
    images = [Image.new("RGB", (300, 200), (80 * number, 0, 0)) for number in range(frames)]
    written = io.BytesIO()
    images[0].save(written, "avif", save_all=frames > 1, append_images=images[1:])
    lying = written.getvalue().replace(struct.pack(">II", 300, 200), struct.pack(">II", 16, 16))
    lying = lying.replace(struct.pack(">HH", 300, 200), struct.pack(">HH", 16, 16))
    header = read_header(lying)
    assert (header.width, header.height) == (300, 200)


def test_the_size_behind_the_long_header_of_an_av1_stream_is_found():
    # Profile 0; timing with an interval, a decoder model, display delays, one operating point; 12 bits a side.
    fields = [
        (0, 5), (1, 1), (1, 32), (30, 32), (1, 1), (0b00101, 5), (1, 1), (9, 5), (0, 42), (1, 1), (0, 5), (0, 12),
        (8, 5), (0, 1), (1, 1), (0, 21), (1, 1), (3, 4), (11, 4), (11, 4), (2999, 12), (1999, 12),
    ]  # fmt: skip
    text = "".join(f"{value:0{count}b}" for value, count in fields).ljust(256, "0")
    assert avif._sequence_size(int(text, 2).to_bytes(32)) == (3000, 2000)


def test_a_tile_or_strip_larger_than_its_tiff_counts():
    fields = [(256, 100), (257, 100), (258, 8), (277, 1), (322, 32000), (323, 32000)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    header = read_header(b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4))
    assert header.extra_bytes * header.pixels >= 32000**2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "ends within its header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "ends within its header"),
        (b"BM", "ends within its header"),
        (b"GIF89a\1", "ends within its header"),
        (b"II*\0\x08\0\0\0\xff\xff", "ends within its header"),
        (b"RIFF\0\0\0\0WEBP", "ends within its header"),
        (b"P5 12", "its header ends early"),
        (b"P5 12 12 70000 ", "its largest value is 70000"),
        (b"P5 0 12 255 ", "its header says 0x12 pixels"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is in HEIC or another format"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "an AVIF without a size"),
        (b"#?RADIANCE\n-Y 30000 +X 30000\n", "not an image that is read"),
        (b"PF\n30000 30000\n-1.0\n", "not an image that is read"),
    ],
)
def test_a_header_that_says_nothing_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        read_header(content)
