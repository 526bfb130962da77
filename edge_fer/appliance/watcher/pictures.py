"""Frames as JPEG, for whoever watches the page. Nothing is encoded while nobody does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_fer.appliance.watcher.job import Pictures


class Encoder:
    """Encodes some of the frames. Its wishes may be set from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: Pictures | None = None
        self._due_s = 0.0

    def want(self, pictures: Pictures | None) -> None:
        """Encode such pictures from now on, or none."""
        with self._lock:
            self._wanted = pictures
            self._due_s = 0.0

    def jpeg(self, image: NDArray[Any], now_s: float) -> bytes:
        """Return *image* as JPEG if one is wanted and due at *now_s*, else nothing. It is in memory only."""
        with self._lock:
            wanted = self._wanted
            if wanted is None or now_s < self._due_s:
                return b""
            # From when it was due on, so that the mean rate is the one asked for.
            self._due_s = max(self._due_s + 1 / wanted.fps, now_s - 1 / wanted.fps)
        return _encoded(image, wanted)


def _encoded(image: NDArray[Any], wanted: Pictures) -> bytes:
    height, width = image.shape[:2]
    if width > wanted.width_px:
        reduced = wanted.width_px, max(1, round(height * wanted.width_px / width))
        image = cv2.resize(image, reduced, interpolation=cv2.INTER_AREA)
    if image.ndim == 3 and image.shape[2] == 4:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
    done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, wanted.quality])
    return content.tobytes() if done else b""
