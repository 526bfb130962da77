"""A V4L2 camera or a network stream: the latest frame only, and reopened when it stops delivering."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.errors import SourceError
from edge_fer.sources import Frame, SourceBase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer.clock import Clock

log = logging.getLogger(__name__)

BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before each new try to reopen; the last one is repeated."""


class Capture(Protocol):
    """What of `cv2.VideoCapture` is used."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


def open_capture(device: str, width_px: int, height_px: int, fps: float) -> Capture:
    """Open a camera by number, device file or URL, asking for a size and a rate that it may not follow."""
    if device.isdecimal() or device.startswith("/dev/"):
        capture = cv2.VideoCapture(int(device) if device.isdecimal() else device, cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
        capture.set(cv2.CAP_PROP_FPS, fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture
    return cv2.VideoCapture(device, cv2.CAP_FFMPEG)


class Camera(SourceBase):
    """Frames of a live camera, captured in a thread of its own.

    Raises `SourceError` when the camera is not there at the start. Later, when it stops delivering, it is reopened with
    growing pauses for as long as it takes, and each step is reported through `logging`.
    """

    def __init__(
        self,
        device: str = "0",
        *,
        width_px: int = 640,
        height_px: int = 480,
        fps: float = 30.0,
        opener: Callable[[str, int, int, float], Capture] = open_capture,
        clock: Clock | None = None,
    ) -> None:
        self.device = device
        self.reopened = 0
        """How often it was reopened."""
        self._open = partial(opener, device, width_px, height_px, fps)
        self._clock = clock or SystemClock()
        self._capture = self._open()
        if not self._capture.isOpened():
            raise SourceError(
                f"camera {device} cannot be opened; list cameras with 'ls /dev/video*', close other programs that use "
                "it, and check that you are in the group 'video'; a Pi's ribbon-cable camera is --source picamera"
            )
        self._arrived = threading.Condition()
        self._latest: Frame | None = None
        self._failure: Exception | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield the newest frame each time one is asked for, never the same twice, until closed."""
        self._thread = threading.Thread(target=self._capture_all, name=f"camera {self.device}", daemon=True)
        self._thread.start()
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._latest is not None or self._closing.is_set())
                frame, self._latest = self._latest, None
            if self._failure is not None:
                raise SourceError(f"camera {self.device} failed: {self._failure}") from self._failure
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Stop the thread and release the camera."""
        self._stop()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
        else:
            self._capture.release()

    def _stop(self) -> None:
        self._closing.set()
        with self._arrived:
            self._arrived.notify_all()

    def _capture_all(self) -> None:
        try:
            index = 0
            while not self._closing.is_set():
                read, image = self._capture.read()
                if read:
                    self._hand_over(Frame(np.asarray(image), self._clock.now(), index, f"camera {self.device}"))
                    index += 1
                else:
                    self._reopen()
        except Exception as exc:  # noqa: BLE001  (a thread's error belongs to whoever reads the frames)
            self._failure = exc
        finally:
            self._capture.release()
            self._stop()

    def _hand_over(self, frame: Frame) -> None:
        with self._arrived:
            self.dropped += self._latest is not None
            self._latest = frame
            self._arrived.notify()

    def _reopen(self) -> None:
        log.warning("camera %s stopped delivering; reopening it", self.device)
        attempt = 0
        while not self._closing.is_set():
            self._capture.release()
            pause = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
            self._clock.sleep(pause)
            self._capture = self._open()
            if self._capture.isOpened():
                self.reopened += 1
                log.warning("camera %s is back", self.device)
                return
            attempt += 1
            log.warning("camera %s is still away after %d tries; next in %g s", self.device, attempt, pause)
