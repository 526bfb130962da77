from __future__ import annotations

from pathlib import PurePosixPath

import cv2
import numpy as np
import pytest

from edge_fer.images import IMAGE_SUFFIXES, decode_image, is_image

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_images_of_every_suffix_are_decoded(suffix):
    picture = PICTURE[:, :, 0] if suffix == ".pgm" else PICTURE
    content = cv2.imencode(suffix, picture)[1].tobytes()
    assert decode_image(content).shape == (12, 16, 3)
    assert decode_image(content, gray=True).shape == (12, 16)


def test_the_pixels_are_bgr():
    assert np.array_equal(decode_image(cv2.imencode(".png", PICTURE)[1].tobytes()), PICTURE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"nonsense", r"\(8 bytes\) is not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
    ],
)
def test_content_that_is_no_image_is_refused_with_the_reason(content, message):
    with pytest.raises(ValueError, match=message):
        decode_image(content)


def test_more_pixels_than_opencv_allows_are_refused():
    with pytest.raises(ValueError, match=r"is refused by OpenCV|is not an image"):
        decode_image(b"P5 70000 70000 255\n" + bytes(10))


def test_the_suffix_alone_decides_in_any_case():
    assert is_image(PurePosixPath("a/B.JPG"))
    assert not is_image(PurePosixPath("a/png"))
    assert not is_image(PurePosixPath("a/notes.txt"))
