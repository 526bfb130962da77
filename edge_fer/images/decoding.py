"""Pictures from image files: bounded before they are decoded, scaled down, in eight bits whatever the file has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cv2
import numpy as np

from edge_fer.images.header import read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.images.header import Header

MAX_PX: Final = 256 * 10**6
"""Pixels of the largest picture that is read. Telephones take up to 200 megapixels."""
MAX_BYTES: Final = 320 * 2**20
"""Memory that one picture may take on being read, its file included. A process then stays below 512 MB."""
MAX_FRAME_PX: Final = 25 * 10**6
"""Pixels of a frame above which a picture is decoded at half, a quarter or an eighth of its width and height."""
MAX_FRAME_SIDE_PX: Final = 16_384
"""Longest side of a frame: `edge_fer.preprocess.MAX_SIDE_PX`."""
REDUCTIONS: Final = (1, 2, 4, 8)
"""What libjpeg divides width and height by on decoding, much faster than it decodes all pixels."""
COPIES: Final = 2
"""OpenCV decodes into an array of its own, of which its Python binding makes a copy."""
DEPTHS: Final = (8, 10, 12, 14, 16)
"""Bits a sample that sensors have."""
REDUCED_FLAGS: Final = {
    (True, 1): cv2.IMREAD_GRAYSCALE, (False, 1): cv2.IMREAD_COLOR,
    (True, 2): cv2.IMREAD_REDUCED_GRAYSCALE_2, (False, 2): cv2.IMREAD_REDUCED_COLOR_2,
    (True, 4): cv2.IMREAD_REDUCED_GRAYSCALE_4, (False, 4): cv2.IMREAD_REDUCED_COLOR_4,
    (True, 8): cv2.IMREAD_REDUCED_GRAYSCALE_8, (False, 8): cv2.IMREAD_REDUCED_COLOR_8,
}  # fmt: skip
"""OpenCV's flag for grey or colour and a reduction."""


class Picture(NamedTuple):
    """A decoded picture, perhaps a reduced one."""

    pixels: NDArray[np.uint8]
    reduced: int
    """How many pixels of the file each one stands for, in width and in height: one of `REDUCTIONS`."""


def decode_image(content: bytes, *, gray: bool = False, side_px: int | None = None) -> NDArray[np.uint8]:
    """Return an image file's *content* as BGR ``(height, width, 3)`` uint8, or with *gray* as ``(height, width)``.

    With *side_px*, a picture whose longest side is longer is scaled down to it, and one that would take too much memory
    otherwise is decoded reduced. Turned as its EXIF note says; the first frame of an animation. Samples of more than
    eight bits are scaled by their real range: what the file says is white (PNM's maxval, PNG's sBIT); else the smallest
    of 8, 10, 12, 14 and 16 bits that holds the largest sample; for floats 1, or as for whole numbers above 1.

    Raises `ValueError` with the reason, as the end of a sentence that begins with the file's name: for what is no
    picture, and from its header alone for a picture of more than `MAX_PX` or that takes more than `MAX_BYTES`.
    """
    header = read_header(content)
    if side_px is None:
        _refuse_too_large(header, len(content), gray, 1)
        return _decode(content, header, gray, 1)
    longest = max(header.width, header.height)
    # Twice the side at least is left for the averaging, which is finer than libjpeg's.
    reduced = max(factor for factor in REDUCTIONS if factor == 1 or longest >= 2 * side_px * factor)
    reduced = _fitting(header, len(content), gray, reduced)
    pixels = _decode(content, header, gray, reduced)
    return _scaled(pixels, side_px / max(pixels.shape[:2]))


def decode_frame(content: bytes) -> Picture:
    """Return an image file's *content* as a BGR frame, reduced if it has more than `MAX_FRAME_PX`.

    Raises `ValueError` as `decode_image` does.
    """
    header = read_header(content)
    reduced = 1
    while reduced < REDUCTIONS[-1] and not _is_frame(header, reduced):
        reduced *= 2
    reduced = _fitting(header, len(content), False, reduced)
    return Picture(_decode(content, header, False, reduced), reduced)


def _is_frame(header: Header, reduced: int) -> bool:
    longest = max(header.width, header.height)
    return header.pixels <= MAX_FRAME_PX * reduced**2 and longest <= MAX_FRAME_SIDE_PX * reduced


def _fitting(header: Header, file_bytes: int, gray: bool, reduced: int) -> int:
    """Return the smallest reduction of at least *reduced* at which the picture fits. Raises `ValueError` if none is."""
    for factor in REDUCTIONS:
        if factor >= reduced and file_bytes + _decoding_bytes(header, gray, factor) <= MAX_BYTES:
            reduced = factor
            break
    _refuse_too_large(header, file_bytes, gray, reduced)
    return reduced


def _refuse_too_large(header: Header, file_bytes: int, gray: bool, reduced: int) -> None:
    size = f"{header.width}x{header.height} pixels"
    if header.pixels > MAX_PX:
        raise ValueError(
            f"has {size}, {header.pixels / 1e6:.0f} megapixels; at most {MAX_PX // 10**6} are read: scale it down"
        )
    needed = file_bytes + _decoding_bytes(header, gray, reduced)
    if needed > MAX_BYTES:
        raise ValueError(
            f"({header.form}, {size}, {header.bits} bits) takes {needed / 2**20:.0f} MB to read, at most "
            f"{MAX_BYTES // 2**20}: scale it down, or save it as a baseline JPEG"
        )


def _decoding_bytes(header: Header, gray: bool, reduced: int) -> float:
    """Return the memory that decoding takes at most, in bytes, without the file itself."""
    planes = 1 if gray and not _is_deep(header) else 3
    sample_bytes = header.bits / 8 if _is_deep(header) else 1
    # Only libjpeg decodes reduced. Of another format all pixels are decoded, and then averaged.
    decoded_px = header.pixels / reduced**2 if header.form == "JPEG" else header.pixels
    return COPIES * planes * sample_bytes * decoded_px + header.extra_bytes * header.pixels


def _is_deep(header: Header) -> bool:
    return header.bits > 8


def _decode(content: bytes, header: Header, gray: bool, reduced: int) -> NDArray[np.uint8]:
    """Return the picture in eight bits, its sides divided by *reduced*, rounded up."""
    if _is_deep(header):
        pixels = _eight_bits(_imdecode(content, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR), header)
        pixels = _with_planes(pixels, gray)
    else:
        by_opencv = reduced if header.form == "JPEG" else 1
        pixels = np.asarray(_imdecode(content, REDUCED_FLAGS[gray, by_opencv]), np.uint8)
        # OpenCV takes the samples of a PNM of less than eight bits as they are.
        if header.form == "PNM" and header.white is not None and header.white < 255:
            pixels = _stretched(pixels, header.white)
        if header.form == "JPEG":
            return pixels
    return _scaled(pixels, 1 / reduced)


def _imdecode(content: bytes, flags: int) -> NDArray[Any]:
    # OpenCV's reader of PNM in text needs an end after the last number.
    padded = content + b"\n" if content[:2] in {b"P1", b"P2", b"P3"} else content
    try:
        image = cv2.imdecode(np.frombuffer(padded, np.uint8), flags)
    except cv2.error as exc:  # too little memory, for example
        raise ValueError(f"is refused by OpenCV: {exc.err}") from exc
    if image is None:
        raise ValueError(
            f"({len(content)} bytes) is not an image that OpenCV reads, or it is damaged; convert it to PNG or JPEG"
        )
    return image


def _eight_bits(pixels: NDArray[Any], header: Header) -> NDArray[np.uint8]:
    """Return *pixels* of any number type scaled by their real range. Raises `ValueError` for NaN and infinity."""
    low = float(pixels.min())
    high = float(pixels.max())
    if not np.isfinite((low, high)).all():
        raise ValueError("has pixels that are not finite numbers; convert it to PNG")
    if low < 0:
        np.clip(pixels, 0, None, out=pixels)
    white: float
    is_float = pixels.dtype.kind == "f"
    if is_float and high <= 1:
        white = 1
    # In a TIFF of 10, 12 or 14 bits, OpenCV shifts the samples to 16.
    elif header.form == "TIFF" and not is_float and header.bits in {10, 12, 14}:
        white = 65535
    elif header.white is not None and high <= header.white:
        white = header.white
    else:
        white = next((2**bits - 1 for bits in DEPTHS if high < 2**bits), high)
    eight = _stretched(pixels, white)
    # OpenCV inverts only samples of eight bits.
    return 255 - eight if header.inverted else eight


def _stretched(pixels: NDArray[Any], white: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / white), np.uint8)


def _with_planes(pixels: NDArray[np.uint8], gray: bool) -> NDArray[np.uint8]:
    if pixels.ndim == 2:
        return pixels if gray else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8) if gray else pixels


def _scaled(pixels: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return *pixels* with their sides times *scale*, rounded up, if that is below 1, as means of what they cover."""
    if scale >= 1:
        return pixels
    height, width = (max(1, -int(-side * scale // 1)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
