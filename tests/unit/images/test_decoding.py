from __future__ import annotations

import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge_fer import preprocess
from edge_fer.images import IMAGE_SUFFIXES, decode_frame, decode_image, decoding

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
RAMP = np.linspace(0, 255, 48 * 64).reshape(48, 64).round().astype(np.uint16)
"""Grey, of all values of eight bits."""
SAME_FORMAT = {".jfif": ".jpg", ".dib": ".bmp"}


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def tiff(pixels: bytes, bits: int, **tags: int) -> bytes:
    """Return a TIFF of 64x48 grey samples; OpenCV writes none of 12 bits, of white 0, or that is turned."""
    photometric = tags.get("photometric", 1)
    fields = [
        (256, 64), (257, 48), (258, bits), (259, 1), (262, photometric), (273, 8), (274, tags.get("orientation", 1)),
        (277, 1), (278, 48), (279, len(pixels)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag > 258 else 3, 1, value) for tag, value in fields)
    return (
        struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + struct.pack("<H", len(fields)) + entries + bytes(4)
    )


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_images_of_every_suffix_are_decoded(suffix):
    picture = PICTURE[:, :, 0] if suffix in {".pgm", ".pbm"} else PICTURE
    content = encoded(SAME_FORMAT.get(suffix, suffix), picture)
    assert decode_image(content).shape == (12, 16, 3)
    assert decode_image(content, gray=True).shape == (12, 16)
    assert decode_frame(content).reduced == 1


def test_the_pixels_are_bgr():
    assert np.array_equal(decode_image(encoded(".png", PICTURE)), PICTURE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"nonsense", r"\(8 bytes\) is not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
        (encoded(".png", PICTURE)[:60], "not an image that OpenCV reads, or it is damaged"),
    ],
)
def test_content_that_is_no_image_is_refused_with_the_reason(content, message):
    with pytest.raises(ValueError, match=message):
        decode_image(content)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_samples_of_more_than_eight_bits_are_scaled_by_the_bits_that_are_used(suffix, bits, gray):
    white = 2**bits - 1
    deep = np.round(RAMP * (white / 255)).astype(np.uint16)
    pixels = decode_image(encoded(suffix, deep), gray=gray)
    difference = pixels.astype(int) - (RAMP if gray else RAMP[..., None])
    assert abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("start", "kind", "white"), [(b"P5", ">u1", 100), (b"P5", ">u2", 1023), (b"P2", "text", 100), (b"P2", "text", 1000)]
)
def test_the_largest_value_that_a_pgm_tells_is_white(start, kind, white):
    samples = np.round(RAMP * (white / 255)).astype(int) // 2
    content = b"%s\n# made here\n64 48\n%d\n" % (start, white)
    content += " ".join(map(str, samples.ravel())).encode() if kind == "text" else samples.astype(kind).tobytes()
    assert abs(decode_image(content, gray=True).astype(int) - RAMP // 2).max() <= 2


def test_the_significant_bits_that_a_png_tells_are_its_range():
    dark = (RAMP // 8).astype(np.uint16)  # five bits of ten
    content = encoded(".png", dark)
    chunk = b"sBIT\x0a"
    told = content[:33] + struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]
    assert decode_image(content, gray=True).max() == 31
    assert decode_image(told, gray=True).max() == round(31 * 255 / 1023)


def test_a_float_picture_is_white_at_one():
    content = encoded(".tiff", (RAMP / 255).astype(np.float32))
    assert abs(decode_image(content, gray=True).astype(int) - RAMP).max() <= 1
    assert decode_image(encoded(".tiff", RAMP.astype(np.float32)), gray=True).max() == 255
    assert decode_image(encoded(".tiff", (RAMP - 300.0).astype(np.float32)), gray=True).max() == 0
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not finite"):
            decode_image(encoded(".tiff", np.full((4, 4), wrong, np.float32)))


def test_a_packed_tiff_of_twelve_bits_is_read():
    bits = (np.round(RAMP * (4095 / 255)).astype(int)[..., None] >> np.arange(11, -1, -1)) & 1
    content = tiff(np.packbits(bits.reshape(48, -1).astype(np.uint8), axis=1).tobytes(), 12)
    assert abs(decode_image(content, gray=True).astype(int) - RAMP).max() <= 1


def test_a_deep_picture_of_which_zero_is_white_is_inverted():
    content = tiff((RAMP * 257).astype("<u2").tobytes(), 16, photometric=0)
    assert abs(decode_image(content, gray=True).astype(int) - (255 - RAMP)).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("note", "turned"), [(3, cv2.ROTATE_180), (6, cv2.ROTATE_90_CLOCKWISE)])
def test_a_picture_is_turned_as_it_says(bits, note, turned):
    upright = cv2.rotate(RAMP.astype(np.uint8), turned)
    samples = RAMP * 257 if bits == 16 else RAMP
    pictures = [tiff(samples.astype(f"<u{bits // 8}").tobytes(), bits, orientation=note)]
    exif = Image.Exif()
    exif[0x0112] = note
    written = io.BytesIO()
    Image.fromarray(samples.astype(f"u{bits // 8}")).save(written, "png", exif=exif)
    for content in (*pictures, written.getvalue()):
        assert abs(decode_image(content, gray=True).astype(int) - upright).max() <= 1


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "tiff", "webp", "bmp"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_pictures_of_other_kinds_of_pixels_are_read(form, mode):
    image = Image.fromarray(RAMP.astype(np.uint8)).convert(mode)
    written = io.BytesIO()
    try:
        image.save(written, form)
    except (OSError, ValueError):
        pytest.skip(f"{form} has no {mode}")
    gray = decode_image(written.getvalue(), gray=True)
    # One bit is dithered, a palette and JPEG are near.
    assert abs(cv2.blur(gray, (9, 9)).astype(int) - cv2.blur(RAMP.astype(np.uint8), (9, 9))).mean() < 8


@pytest.mark.parametrize("form", ["gif", "png", "webp", "tiff"])
def test_of_an_animation_the_first_frame_is_read(form):
    frames = [Image.new("RGB", (16, 12), (value,) * 3) for value in (10, 200, 90)]
    written = io.BytesIO()
    frames[0].save(written, form, save_all=True, append_images=frames[1:])
    assert abs(decode_image(written.getvalue()).astype(int) - 10).max() <= 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff"])
def test_a_large_picture_is_scaled_down_to_a_side(suffix):
    picture = cv2.resize(RAMP.astype(np.uint8), (1600, 1200))
    pixels = decode_image(encoded(suffix, picture), gray=True, side_px=100)
    assert pixels.shape == (75, 100)
    expected = cv2.resize(picture, (100, 75), interpolation=cv2.INTER_AREA)
    assert abs(pixels.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".pgm", ".webp"])
def test_a_picture_within_the_side_keeps_every_pixel(suffix):
    content = encoded(suffix, PICTURE[..., 0])
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(decode_image(content, gray=True, side_px=16), expected)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_very_large_frame_is_reduced_and_says_by_how_much(suffix, monkeypatch):
    picture = cv2.resize(RAMP.astype(np.uint8), (163, 121))
    content = encoded(suffix, picture)
    assert decode_frame(content).reduced == 1
    monkeypatch.setattr(decoding, "MAX_FRAME_PX", 163 * 121 // 16 + 1)
    frame = decode_frame(content)
    assert frame.reduced == 4
    assert frame.pixels.shape == (31, 41, 3)
    monkeypatch.setattr(decoding, "MAX_FRAME_SIDE_PX", 30)
    assert decode_frame(content).reduced == 8


def test_the_longest_side_of_a_frame_is_that_of_the_preprocessing():
    assert decoding.MAX_FRAME_SIDE_PX == preprocess.MAX_SIDE_PX


@pytest.mark.parametrize("decode", [decode_image, decode_frame])
def test_what_takes_too_much_memory_is_refused_before_it_is_decoded(decode, monkeypatch):
    def fail(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", fail)
    content = b"P6 20000 13000 255\n"
    with pytest.raises(ValueError, match=r"has 20000x13000 pixels, 260 megapixels; at most 256 are read"):
        decode(content)
    with pytest.raises(ValueError, match=r"\(PNM, 9000x9000 pixels, 8 bits\) takes 463 MB to read, at most 320"):
        decode(b"P6 9000 9000 255\n")


def test_a_jpeg_that_does_not_fit_is_reduced_until_it_does(monkeypatch):
    content = encoded(".jpg", cv2.resize(PICTURE, (160, 120)))
    monkeypatch.setattr(decoding, "MAX_BYTES", len(content) + 2 * 3 * 160 * 120 // 16 + 1)
    assert decode_frame(content).reduced == 4
    assert decode_image(content, side_px=200).shape == (30, 40, 3)
    with pytest.raises(ValueError, match="to read"):
        decode_image(content)


@given(data=st.data())
def test_a_damaged_picture_is_decoded_or_refused(data):
    """Whatever happened to its bytes, there is no other error."""
    suffix = data.draw(st.sampled_from([".avif", ".bmp", ".gif", ".jpg", ".pgm", ".png", ".tiff", ".webp"]))
    content = bytearray(encoded(suffix, PICTURE[..., 0] if suffix == ".pgm" else PICTURE))
    for place in data.draw(st.lists(st.integers(0, min(200, len(content) - 1)), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    content = content[: len(content) - data.draw(st.integers(0, 9)) ** 2]
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(ValueError):
        patch.setattr(decoding, "MAX_BYTES", 2**20)  # damage may make it large, and so slow
        assert max(decode_image(bytes(content), gray=True, side_px=64).shape) <= 64
