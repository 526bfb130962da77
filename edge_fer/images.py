"""Image files: which names are images, and their content as pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from pathlib import PurePath

    from numpy.typing import NDArray

IMAGE_SUFFIXES: Final = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""Suffixes of the image files that are read, in lower case. The OpenCV wheels decode all of them."""


def is_image(path: PurePath) -> bool:
    """Return whether the name of *path* is that of an image file. The file is not opened."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def decode_image(content: bytes, *, gray: bool = False) -> NDArray[np.uint8]:
    """Return an image file's *content* as BGR ``(height, width, 3)`` uint8, or with *gray* as ``(height, width)``.

    Raises `ValueError` with the reason, as the end of a sentence that begins with the file's name.
    """
    if not content:
        raise ValueError("is empty (0 bytes); copy it again")
    mode = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), mode)
    except cv2.error as exc:  # OpenCV refuses more than 2^30 pixels, for example
        raise ValueError(f"is refused by OpenCV: {exc.err}") from exc
    if image is None:
        raise ValueError(f"({len(content)} bytes) is not an image that OpenCV reads; convert it to PNG or JPEG")
    return np.asarray(image, np.uint8)
