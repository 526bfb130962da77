"""What the tests of tracking share: a room with things in it, and patterns to tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edge_fer.boxes import Box


def _pattern(seed: int, side: int, grain: int = 9) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(20, 236, (grain, grain)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture(scope="session")
def pattern() -> Callable[..., NDArray[np.uint8]]:
    """Returns a soft pattern of a *seed* and a *side*, as distinct as faces are, or more."""
    return _pattern


@pytest.fixture(scope="session")
def room() -> NDArray[np.uint8]:
    """A room of 640x480 pixels, with contrasts, that nobody is in."""
    soft = _pattern(0, 640, grain=12)[:480] // 2 + 60
    return np.asarray(soft, np.uint8)


@pytest.fixture(scope="session")
def put() -> Callable[[NDArray[np.uint8], Box, int], NDArray[np.uint8]]:
    """Returns *gray* with the pattern of a *seed* in a box."""

    def put_into(gray: NDArray[np.uint8], box: Box, seed: int) -> NDArray[np.uint8]:
        frame = gray.copy()
        left, top, right, bottom = box.pixels(gray.shape)
        x, y = left - int(box.x), top - int(box.y)
        frame[top:bottom, left:right] = _pattern(seed, round(box.width))[y : y + bottom - top, x : x + right - left]
        return frame

    return put_into
