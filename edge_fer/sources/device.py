"""Cameras of the machine, through OpenCV: V4L2 on Linux."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any, Final

import cv2

from edge_fer.errors import SourceError, one_line

log = logging.getLogger(__name__)

MJPG_FROM_PX: Final = 1280 * 720
"""Size from which MJPG is asked for: over USB 2, uncompressed pictures of this size come at 10 frames a second."""
MJPG: Final = "MJPG"


class DeviceCapture:
    """A camera of the machine, through OpenCV. Raises `SourceError` if it cannot be opened."""

    def __init__(self, device: str, width_px: int, height_px: int, fps: float) -> None:
        self._reading = threading.Lock()
        self._released = False
        # The link is followed each time: a camera that was plugged in again may have another number.
        place: int | str = int(device) if device.isdecimal() else os.path.realpath(device)
        # V4L2 by name, since not each of OpenCV's readers supports the buffer size that is set below.
        api = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._capture = cv2.VideoCapture(place, api)
        if not self._capture.isOpened():
            raise SourceError(not_opened(device))
        self._ask(device, width_px, height_px, fps)

    def _ask(self, device: str, width_px: int, height_px: int, fps: float) -> None:
        """Ask for a size and a rate, which the camera need not follow, and report what it grants instead."""
        compressed = width_px * height_px >= MJPG_FROM_PX
        if compressed:
            # Before the size, since some drivers offer large pictures in this format only.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*MJPG))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
        self._capture.set(cv2.CAP_PROP_FPS, fps)
        # With a longer queue in the driver, the newest frame would wait behind older ones.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        granted = _granted(self._capture)
        asked = (width_px, height_px, fps, MJPG if compressed else granted[3])
        if _differ(asked, granted):
            log.warning("camera %s grants %s; asked for %s", device, _mode(*granted), _mode(*asked))

    @property
    def time_s(self) -> float | None:
        """The driver's time stamp of the last frame, in seconds; None where the driver gives none."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3 or None

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return whether the camera is open."""
        return self._capture.isOpened()

    def read(self) -> tuple[bool, Any]:
        """Wait for the next frame and return it. Raises `SourceError` if OpenCV refuses what the camera sent."""
        with self._reading:
            if self._released:
                return False, None
            try:
                return self._capture.read()
            except cv2.error as exc:
                raise SourceError(f"OpenCV refuses its frame: {one_line(exc.err)}") from exc

    def release(self) -> None:
        """Release the camera, unless another thread reads from it: then by a second call, after the read."""
        self._released = True
        # OpenCV frees the buffers at once, also while they are being filled.
        if self._reading.acquire(blocking=False):
            try:
                self._capture.release()
            finally:
                self._reading.release()


def _granted(capture: cv2.VideoCapture) -> tuple[int, int, float, str]:
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = (code & 0xFFFFFFFF).to_bytes(4, "little").decode("latin-1").strip("\0 ")
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return int(width), int(height), capture.get(cv2.CAP_PROP_FPS), letters if letters.isprintable() else ""


def _differ(asked: tuple[int, int, float, str], granted: tuple[int, int, float, str]) -> bool:
    # A driver that does not know its rate says 0. Rates are fractions, such as 30000/1001.
    other_rate = granted[2] > 0 and abs(asked[2] - granted[2]) > 0.5
    return other_rate or asked[:2] != granted[:2] or asked[3] != granted[3]


def _mode(width_px: int, height_px: int, fps: float, letters: str) -> str:
    return f"{width_px}x{height_px} at {fps:g} fps {letters}".rstrip()


def not_opened(device: str) -> str:
    """Return why *device* could not be opened, as far as can be seen, and what to do."""
    return f"camera {device} cannot be opened; {_remedy(device)}"


def _remedy(device: str) -> str:
    if sys.platform != "linux":
        return "check that it is connected, that no other program uses it, and that this program may"
    path = Path(f"/dev/video{device}" if device.isdecimal() else device)
    if not path.exists():
        reason = f"there is no {path}; "
    elif not os.access(path, os.R_OK | os.W_OK):
        reason = f"this user may not use {path}; "
    else:
        reason = ""
    return (
        f"{reason}list cameras with 'ls /dev/video*', close other programs that use it, and check that you are in the "
        "group 'video'; a Pi's ribbon-cable camera is --source picamera"
    )
