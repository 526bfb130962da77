"""A Raspberry Pi's own camera, through picamera2, which only the operating system can install."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

from edge_fer.clock import SystemClock
from edge_fer.dependencies import load as load_package
from edge_fer.errors import SourceError, one_line
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.live import READ_TIMEOUT_S, Backoff, FaultLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.clock import Clock

T = TypeVar("T")

REMEDY: Final = (
    "apt install python3-picamera2, and create the venv with: python3 -m venv --system-site-packages .venv "
    "(pip cannot install picamera2)"
)
CLOSING_S: Final = 2.0
"""How long closing waits for libcamera."""
NAME: Final = "picamera"


class _Caller:
    """A daemon thread that calls libcamera, which may hang, while somebody waits with a deadline."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._done = threading.Semaphore(0)
        threading.Thread(target=self._work, name="picamera, calling", daemon=True).start()

    def call(self, function: Callable[[], T], timeout_s: float) -> T:
        """Return what *function* returns. Raises what it raises; `TimeoutError`, once only, after *timeout_s*."""
        self._calls.put(function)
        if not self._done.acquire(timeout=timeout_s):
            raise TimeoutError
        result, error = self._results.get()
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def post(self, function: Callable[[], object]) -> None:
        """Call *function* when all earlier calls have returned, and end the thread."""
        self._calls.put(function)
        self._calls.put(None)

    def _work(self) -> None:
        while (function := self._calls.get()) is not None:
            try:
                outcome: tuple[Any, BaseException | None] = function(), None
            except BaseException as exc:  # noqa: BLE001  (whoever waits gets it)
                outcome = None, exc
            self._results.put(outcome)
            self._done.release()


class PiCamera(SourceBase):
    """Grey frames: the brightness plane of the camera's lores stream (YUV420), as a view into its buffer.

    libcamera captures in threads of its own and drops frames that nobody fetched. Raises `MissingDependency` without
    picamera2, `SourceError` without a camera, unless *wait* is given. A camera that delivers no frame for
    *read_timeout_s*, or fails, is started again with growing pauses; what happens is reported through `logging`.
    """

    live = True

    def __init__(
        self,
        *,
        width_px: int = 640,
        height_px: int = 480,
        fps: float = 30.0,
        read_timeout_s: float = READ_TIMEOUT_S,
        wait: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.reopened = 0
        """How often it was started again and delivered again."""
        self._library = load_package("picamera2", "picamera2", REMEDY, uses="Picamera2")
        self._size = width_px, height_px
        self._fps = fps
        self._read_timeout_s = read_timeout_s
        self._clock = clock or SystemClock()
        self._faults = FaultLog(NAME, self._clock)
        self._backoff = Backoff(self._clock)
        self._closing = threading.Event()
        self._camera: Any = None
        self._held: list[Any] = []
        """What was opened, even if starting it failed or hangs: closed in the thread that opened it."""
        self._caller = _Caller()
        self._released = threading.Event()
        self._released.set()
        try:
            self._start()
        except SourceError as exc:
            if not wait:
                self.close()
                raise
            self._faults.waiting(str(exc))

    def frames(self) -> Iterator[Frame]:
        """Yield the newest frame whenever one is asked for. Its buffer goes back when the next one is asked for."""
        first_ns: int | None = None
        index = 0
        tries = 0
        lost = False
        while not self._closing.is_set():
            try:
                request = self._request()
            except SourceError as exc:
                lost = lost or index > 0
                self._restart_later(str(exc), tries)
                tries += 1
                continue
            tries = 0
            self._mark_back(lost)
            lost = False
            try:
                sensor_ns = int(request.get_metadata()["SensorTimestamp"])
                if first_ns is None:
                    first_ns = sensor_ns
                with self._library.MappedArray(request, "lores") as mapped:
                    yield Frame(self._luma(mapped.array), (sensor_ns - first_ns) / 1e9, index, NAME)
            finally:
                request.release()
            index += 1

    def close(self) -> None:
        """Stop the camera."""
        if not self._closing.is_set():
            self._closing.set()
            self._give_back()
            self._released.wait(CLOSING_S)

    def _start(self) -> None:
        """Start the camera. Raises `SourceError`."""
        # Only one program, and only one object in it, can hold the camera.
        if not self._released.is_set():
            raise SourceError("the Pi's camera hangs; it is started again when libcamera returns")
        try:
            self._camera = self._caller.call(self._started, self._read_timeout_s)
        except TimeoutError:
            reason = f"does not start within {self._read_timeout_s:g} s; check it with 'rpicam-hello --list-cameras'"
        except (RuntimeError, IndexError) as exc:  # IndexError: libcamera lists no camera
            reason = f"cannot be started: {one_line(exc)}; check the ribbon cable with 'rpicam-hello --list-cameras'"
        else:
            return
        # What was opened half must be closed, or the next try would find the camera taken.
        self._give_back()
        raise SourceError(f"the Pi's camera {reason}")

    def _started(self) -> Any:
        camera = self._library.Picamera2()
        self._held.append(camera)
        # The sensor's full image is the main stream; the lores stream is scaled by the camera's hardware.
        configuration = camera.create_video_configuration(
            lores={"size": self._size, "format": "YUV420"}, controls={"FrameRate": self._fps}
        )
        camera.configure(configuration)
        camera.start()
        return camera

    def _request(self) -> Any:
        """Return the next request. Raises `SourceError` if none comes in time."""
        if self._camera is None:
            self._start()
        camera = self._camera
        # flush=True waits for a frame exposed after this call, instead of one that waits since an earlier moment.
        try:
            return self._caller.call(lambda: camera.capture_request(flush=True), self._read_timeout_s)
        except TimeoutError:
            reason = f"no frame for {self._read_timeout_s:g} s"
        except RuntimeError as exc:
            reason = one_line(exc)
        self._give_back()
        raise SourceError(reason)

    def _mark_back(self, lost: bool) -> None:
        self._backoff.reset()
        self._faults.back()
        self._faults.remind()
        if lost:
            self.reopened += 1

    def _restart_later(self, reason: str, tries: int) -> None:
        pause_s = self._backoff.next_s()
        if tries == 0:
            self._faults.stopped(reason, pause_s)
        else:
            self._faults.failed(reason, tries, pause_s)
        self._clock.wait(self._closing, pause_s)

    def _give_back(self) -> None:
        """Stop and close the camera as soon as libcamera returns, and take another thread for what follows."""
        caller, held, released = self._caller, self._held, threading.Event()
        self._camera, self._held, self._released = None, [], released

        def give_back() -> None:
            for camera in held:
                with suppress(Exception):  # it has failed already
                    camera.stop()
                with suppress(Exception):
                    camera.close()
            released.set()

        caller.post(give_back)
        self._caller = _Caller()

    def _luma(self, planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the Y plane ``(height, width)`` of YUV420 *planes* ``(height * 3 / 2, stride)``, without a copy."""
        # Rows are padded to the stride, and the colour planes U and V follow below.
        width, height = self._size
        return planes[:height, :width]
