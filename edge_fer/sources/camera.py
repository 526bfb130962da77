"""A camera of the machine or a network stream: the newest frame only, reopened when it stops delivering."""

from __future__ import annotations

import logging
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import cv2
import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.errors import SourceError
from edge_fer.sources import Frame, SourceBase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer.clock import Clock

log = logging.getLogger(__name__)

BACKOFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before each try to reopen; the last one is repeated."""
CLOSING_S: Final = 5.0
"""How long `Camera.close` waits for a driver that does not return from a read or from opening."""


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def read(self) -> tuple[bool, Any]: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


def open_capture(device: str, width_px: int, height_px: int, fps: float) -> Capture:
    """Open a camera by number, device file or URL. It is asked for a size and a rate, which it need not follow."""
    if not (device.isdecimal() or device.startswith("/dev/")):
        return cv2.VideoCapture(device, cv2.CAP_FFMPEG)
    # V4L2 by name, since not each of OpenCV's readers supports the buffer size that is set below.
    api = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    capture = cv2.VideoCapture(int(device) if device.isdecimal() else device, api)
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
    capture.set(cv2.CAP_PROP_FPS, fps)
    # With a longer queue in the driver, the newest frame would wait behind older ones.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


class Camera(SourceBase):
    """Frames of a live camera, captured in a thread of its own.

    Raises `SourceError` if the camera cannot be opened at the start. If it stops delivering later, it is reopened with
    growing pauses, for as long as it takes; each step is reported through `logging`.
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
            raise SourceError(f"camera {device} cannot be opened; {_remedy()}")
        self._arrived = threading.Condition()
        self._latest: Frame | None = None
        self._failure: Exception | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield the newest frame whenever one is asked for, each once, until the camera is closed.

        A second call goes on with the frames of the first. Raises `SourceError` if capturing fails with an error.
        """
        # One thread, however often this is called: two of them would read from one capture.
        if self._thread is None:
            # A daemon, so that a driver that hangs cannot keep the program from ending.
            self._thread = threading.Thread(target=self._capture_all, name=f"camera {self.device}", daemon=True)
            self._thread.start()
        while True:
            with self._arrived:
                # Woken by a frame, by closing, or by an error in the thread, which closes too.
                self._arrived.wait_for(lambda: self._latest is not None or self._closing.is_set())
                frame = self._latest
                self._latest = None
            if self._failure is not None:
                raise SourceError(f"camera {self.device} failed: {self._failure}") from self._failure
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Stop the thread and release the camera. Nothing is opened afterwards."""
        self._stop()
        if self._thread is None:
            self._capture.release()
            return
        self._thread.join(timeout=CLOSING_S)
        if self._thread.is_alive():
            log.warning("camera %s: its driver does not return; it is released when it does", self.device)

    def _stop(self) -> None:
        self._closing.set()
        with self._arrived:
            self._arrived.notify_all()

    def _capture_all(self) -> None:
        """Read frames until the camera is closed; the whole work of the thread, which alone uses the capture."""
        try:
            index = 0
            while not self._closing.is_set():
                read, image = self._capture.read()
                if read:
                    self._hand_over(Frame(np.asarray(image), self._clock.now(), index, f"camera {self.device}"))
                    index += 1
                else:
                    self._reopen()
        except Exception as exc:  # noqa: BLE001  (whoever reads the frames gets the thread's error)
            self._failure = exc
        finally:
            # Both in any case: the device must become free, and the reader must not wait for ever.
            self._capture.release()
            self._stop()

    def _hand_over(self, frame: Frame) -> None:
        # One frame only is kept: a slow reader misses frames, but never lags behind.
        with self._arrived:
            if self._latest is not None:
                self.dropped += 1
            self._latest = frame
            self._arrived.notify()

    def _reopen(self) -> None:
        """Try to open the camera until it opens or is closed. `_capture_all` releases what was opened last."""
        tries = 0
        while True:
            self._capture.release()  # a device file can be opened once only
            pause_s = BACKOFF_S[min(tries, len(BACKOFF_S) - 1)]
            if tries == 0:
                log.warning("camera %s stopped delivering; reopening it in %g s", self.device, pause_s)
            else:
                log.warning("camera %s does not open (try %d); next try in %g s", self.device, tries, pause_s)
            if self._clock.wait(self._closing, pause_s):
                return
            self._capture = self._open()
            # Opening takes seconds, in which the camera may have been closed.
            if self._closing.is_set():
                return
            if self._capture.isOpened():
                self.reopened += 1
                log.warning("camera %s is back", self.device)
                return
            tries += 1


def _remedy() -> str:
    if sys.platform != "linux":
        return "check that it is connected, that no other program uses it, and that this program may"
    return (
        "list cameras with 'ls /dev/video*', close other programs that use it, and check that you are in the group "
        "'video'; a Pi's ribbon-cable camera is --source picamera"
    )
