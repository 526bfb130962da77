"""A camera of the machine or a network stream: the newest frame only, reopened when it stops delivering."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.errors import SourceError, one_line
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.addresses import redact, scrub
from edge_fer.sources.device import DeviceCapture, not_opened
from edge_fer.sources.live import READ_TIMEOUT_S, AccessDenied, Backoff, Capture, FaultLog, TimedCapture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer.clock import Clock

    Opener = Callable[[str, int, int, float], Capture]

log = logging.getLogger(__name__)

CLOSING_S: Final = 2.0
"""How long `Camera.close` waits for a driver that does not return from a read or from opening."""
CHECK_S: Final = 0.25
"""How often it is checked, in real time, whether the next frame is overdue."""
MAX_HANGING: Final = 8
"""How many reads may hang at once. With that many, no further one is begun: a driver that hangs would take them all."""


class _Reader:
    """One opening of a camera, in a thread of its own, which opens it, reads from it and releases it.

    Whoever waits for it may abandon it: then nothing that it still delivers is taken.
    """

    def __init__(self, camera: Camera, open_: Callable[[], Capture]) -> None:
        self._camera = camera
        self._open = open_
        self._capture: Capture | None = None
        self.abandoned = False
        self.delivered = False
        self.progress_s = 0.0
        """When the last frame came that shows that time goes on."""
        self.standing = False
        """Whether the frames that come have the time stamp of the one before."""
        self.reason = "no further frame"
        self.refused: SourceError | None = None
        self.failure: Exception | None = None
        self.settled = threading.Event()
        """Set when the camera is open, or cannot be opened."""
        self.ended = threading.Event()
        # A daemon, so that a driver that hangs cannot keep the program from ending.
        self.thread = threading.Thread(target=self._work, name=f"camera {camera.name}, reading", daemon=True)

    def start(self) -> None:
        self.progress_s = self._camera.clock.now()
        self.thread.start()

    def abandon(self) -> None:
        self.abandoned = True
        capture = self._capture
        if capture is not None:
            # In most captures, this ends the read. Otherwise, the thread releases it when the read returns.
            capture.release()

    def _work(self) -> None:
        try:
            self._capture = self._open()
            if self._capture.isOpened():
                self.settled.set()
                self._camera.wanted.wait()
                self._read_all(self._capture)
            else:
                self.refused = SourceError(not_opened(self._camera.name))
                self.reason = str(self.refused)
        except SourceError as exc:
            self.refused = exc
            self.reason = str(exc)
        except Exception as exc:  # noqa: BLE001  (whoever reads the frames gets the thread's error)
            self.failure = exc
        finally:
            # In any case: the device must become free.
            if self._capture is not None:
                self._capture.release()
            self.settled.set()
            self.ended.set()
            self._camera.wake.set()

    def _is_over(self) -> bool:
        return self.abandoned or self._camera.closing.is_set()

    def _read_all(self, capture: Capture) -> None:
        timed = capture if isinstance(capture, TimedCapture) else None
        last_s: float | None = None
        while not self._is_over():
            read, image = capture.read()
            if not read or self._is_over():
                return
            now = self._camera.clock.now()
            time_s = None if timed is None else timed.time_s
            # The same picture again is allowed; the same time stamp again and again is a stream that stands still.
            self.standing = time_s is not None and time_s == last_s
            if not self.standing:
                self.progress_s = now
            last_s = time_s
            self._camera.take(self, np.asarray(image), now)


class Camera(SourceBase):
    """Frames of a live camera, captured in a thread of its own.

    Raises `SourceError` if the camera cannot be opened at the start, unless *wait* is given: then it is waited for.
    If it stops delivering later, or no frame comes for *read_timeout_s*, it is reopened with growing pauses, for as
    long as it takes; what happens is reported through `logging`, at most once a minute.
    """

    live = True

    def __init__(
        self,
        device: str = "0",
        *,
        width_px: int = 640,
        height_px: int = 480,
        fps: float = 30.0,
        read_timeout_s: float = READ_TIMEOUT_S,
        wait: bool = False,
        opener: Opener = DeviceCapture,
        clock: Clock | None = None,
    ) -> None:
        self.name = redact(device)
        """The number, device file or address, without user name and password."""
        self.reopened = 0
        """How often it was reopened and delivered again."""
        self.clock = clock or SystemClock()
        self.wanted = threading.Event()
        """Set when somebody asks for frames: only then are they captured."""
        self.wake = threading.Event()
        """Set when a reader ends, or the camera is closed."""
        self.closing = threading.Event()
        """Set when the camera is closed: nothing is opened, read or taken afterwards."""
        self._open = partial(opener, device, width_px, height_px, fps)
        self._read_timeout_s = read_timeout_s
        self._arrived = threading.Condition()
        self._latest: Frame | None = None
        self._next_index = 0
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self._hanging: list[_Reader] = []
        self._faults = FaultLog(f"camera {self.name}", self.clock)
        self._backoff = Backoff(self.clock)
        self._out_since_start = False
        self._reader = _Reader(self, self._open)
        self._reader.start()
        self._await_start(wait)

    def _await_start(self, wait: bool) -> None:
        try:
            settled = self._reader.settled.wait(self._read_timeout_s)
        except BaseException:
            self.close()
            raise
        reader = self._reader
        error = reader.refused
        if reader.failure is not None:
            raise self._failed(reader.failure)
        if not settled:
            error = SourceError(
                f"camera {self.name} does not answer within {self._read_timeout_s:g} s; "
                "check that it is on and connected, or wait for it with --wait"
            )
        if error is None:
            return
        if not wait or isinstance(error, AccessDenied):
            self.close()
            # The secrets of an address are in no message of ours, but may be in those of the libraries below.
            raise error from None
        self._out_since_start = True
        self._faults.waiting(str(error))

    def frames(self) -> Iterator[Frame]:
        """Yield the newest frame whenever one is asked for, each once, until the camera is closed.

        A second call goes on with the frames of the first. Raises `SourceError` if capturing fails with an error.
        """
        # One thread, however often this is called: two of them would reopen one camera.
        if self._thread is None:
            self._reader.progress_s = self.clock.now()
            self._thread = threading.Thread(target=self._supervise, name=f"camera {self.name}", daemon=True)
            self._thread.start()
            self.wanted.set()
        while True:
            with self._arrived:
                # Woken by a frame, by closing, or by an error in a thread, which closes too.
                self._arrived.wait_for(lambda: self._latest is not None or self.closing.is_set())
                frame = self._latest
                self._latest = None
            if self._failure is not None:
                raise self._failed(self._failure)
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        """Stop the threads and release the camera. Nothing is opened afterwards."""
        self._stop()
        if self._thread is not None:
            self._thread.join(timeout=CLOSING_S)
        self._reader.abandon()
        self.wanted.set()
        self._reader.thread.join(timeout=CLOSING_S)
        if self._reader.thread.is_alive():
            log.warning("camera %s: its driver does not return; it is released when it does", self.name)

    def take(self, reader: _Reader, image: Any, now_s: float) -> None:
        """Take a frame of *reader*, unless it was abandoned."""
        # One frame only is kept: a slow consumer misses frames, but never lags behind.
        with self._arrived:
            if reader.abandoned or reader is not self._reader or self.closing.is_set():
                return
            if not reader.delivered:
                self._begin(reader)
            if self._latest is not None:
                self.dropped += 1
            self._latest = Frame(image, now_s, self._next_index, f"camera {self.name}")
            self._next_index += 1
            self._arrived.notify()

    def _begin(self, reader: _Reader) -> None:
        reader.delivered = True
        self._backoff.reset()
        self._faults.back()
        # The first opening is no reopening, however long it was waited for.
        if self._next_index:
            self.reopened += 1

    def _failed(self, failure: Exception) -> SourceError:
        error = SourceError(f"camera {self.name} failed: {one_line(scrub(str(failure)))}")
        # A traceback shows the text of its cause, in which a library may have put the address.
        error.__cause__ = None if "://" in self.name else failure
        error.__suppress_context__ = True
        return error

    def _stop(self) -> None:
        self.closing.set()
        self.wake.set()
        with self._arrived:
            self._arrived.notify_all()

    def _supervise(self) -> None:
        """Watch over the reader until the camera is closed, and replace it when it ends or hangs."""
        tries = 0
        try:
            while self._watch():
                tries = 0 if self._reader.delivered else tries + 1
                self._replace_reader(tries)
        except Exception as exc:  # noqa: BLE001  (whoever reads the frames gets the thread's error)
            self._failure = exc
        finally:
            # The consumer must not wait for ever.
            self._stop()

    def _watch(self) -> bool:
        """Return when the reader has ended or is overdue: True if another one should follow, False after closing."""
        reader = self._reader
        while not self.closing.is_set():
            self.wake.wait(CHECK_S)
            self.wake.clear()
            if reader.failure is not None:
                self._failure = reader.failure
                return False
            if reader.ended.is_set():
                return not self.closing.is_set()
            if self.clock.now() - reader.progress_s > self._read_timeout_s:
                reader.reason = self._why_overdue(reader)
                return not self.closing.is_set()
            with self._arrived:
                if reader.delivered:
                    self._faults.remind()
        return False

    def _why_overdue(self, reader: _Reader) -> str:
        if reader.standing:
            return f"the time stamps of its frames stand still for {self._read_timeout_s:g} s"
        if not reader.settled.is_set():
            return f"it does not answer within {self._read_timeout_s:g} s"
        return f"no frame for {self._read_timeout_s:g} s"

    def _replace_reader(self, tries: int) -> None:
        """Abandon the reader and begin another one after a pause, unless the camera is closed meanwhile."""
        old = self._reader
        with self._arrived:
            old.abandoned = True
        old.abandon()
        pause_s = self._backoff.next_s()
        if tries == 0:
            self._faults.stopped(old.reason, pause_s)
        elif not (self._out_since_start and tries == 1):  # that one has been reported
            self._faults.failed(old.reason, tries, pause_s)
        self._hanging.append(old)
        if self.clock.wait(self.closing, pause_s):
            return
        self._await_a_free_place()
        if self.closing.is_set():
            return
        reader = _Reader(self, self._open)
        with self._arrived:
            self._reader = reader
        reader.start()

    def _await_a_free_place(self) -> None:
        """Wait until fewer than `MAX_HANGING` reads hang."""
        reported = False
        while not self.closing.is_set():
            self._hanging = [reader for reader in self._hanging if reader.thread.is_alive()]
            if len(self._hanging) < MAX_HANGING:
                return
            if not reported:
                log.warning("camera %s: %d reads hang; waiting until one returns", self.name, MAX_HANGING)
                reported = True
            self.closing.wait(CHECK_S)
