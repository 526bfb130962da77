"""Network streams and films through PyAV, FFmpeg's library: every wait has an end, and each frame its time stamp."""

from __future__ import annotations

import contextlib
import errno
import math
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import numpy as np

from edge_fer.clock import SystemClock
from edge_fer.errors import SourceError, one_line
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.addresses import redact, scrub
from edge_fer.sources.live import AccessDenied
from edge_fer.sources.options import DEFAULT_FPS
from edge_fer.sources.transform import turned
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import av.container
    from numpy.typing import NDArray

    from edge_fer.clock import Clock

MAX_FRAME_BYTES: Final = 32 << 20
"""Most bytes that are read for one frame; one of 8K takes a quarter of it."""
MAX_PIXELS: Final = 64_000_000
"""Most pixels of a decoded frame."""
OPTIONS: Final = {
    "rtsp_flags": "prefer_tcp",  # over UDP, routers and wireless networks lose packets
    "analyzeduration": "2000000",  # in microseconds
    "overrun_nonfatal": "1",
    "max_pixels": str(MAX_PIXELS),
    # Without "file": a playlist from outside must not name files of this machine.
    "protocol_whitelist": "crypto,data,ffrtmphttp,http,https,httpproxy,rtmp,rtmps,rtmpt,rtmpts,rtp,srt,tcp,tls,udp",
}


def refusal(exc: BaseException, address: str, timeout_s: float) -> SourceError:
    """Return the error for *exc*, which opening *address* or reading from it raised, in its own words."""
    name = f"camera {redact(address)}"
    status = http_status(exc)
    if status in (401, 403):
        return AccessDenied(f"{name} refuses the user name or the password ({status}); check both")
    if status == 404:
        return SourceError(f"{name} does not have what was asked for (404); check the path after the host")
    if status:
        return SourceError(f"{name} answers with an error ({status}); try again later, or check its settings")
    if isinstance(exc, ConnectionRefusedError):
        return SourceError(f"{name} refuses the connection; check that it is on, and the port")
    if isinstance(exc, socket.gaierror):
        return SourceError(f"{name} has an unknown host; check its spelling, and the network")
    if isinstance(exc, TimeoutError) or type(exc).__name__ == "ExitError":  # FFmpeg's, after PyAV's time limit
        return SourceError(f"{name} does not answer within {timeout_s:g} s; check that it is on, and the network")
    if isinstance(exc, OSError) and exc.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN):
        return SourceError(f"{name} cannot be reached: {exc.strerror}; check the network")
    return _other_refusal(exc, address, name)


def _other_refusal(exc: BaseException, address: str, name: str) -> SourceError:
    kind = type(exc).__name__
    if kind == "ProtocolNotFoundError":
        scheme = address.partition(":")[0]
        return SourceError(
            f"{name} cannot be read: the FFmpeg of PyAV here has no {scheme}; pass it on as another one, "
            "for example with: ffmpeg -i ADDRESS -c copy -f mpegts udp://127.0.0.1:5000"
        )
    if kind in ("InvalidDataError", "EOFError", "DecoderNotFoundError", "DemuxerNotFoundError"):
        return SourceError(f"{name} delivers nothing that can be read as video; check the address")
    # Its text without the address, which FFmpeg's errors carry along.
    reason = getattr(exc, "strerror", None) or exc
    return SourceError(f"{name} cannot be read: {one_line(scrub(str(reason)))}; check the address")


def http_status(exc: BaseException) -> int | None:
    """Return the status that a server answered with, as urllib's and PyAV's errors tell it; None if there is none."""
    code = getattr(exc, "code", None)
    if isinstance(code, int):
        return code
    known = {
        "HTTPBadRequestError": 400, "HTTPUnauthorizedError": 401, "HTTPForbiddenError": 403, "HTTPNotFoundError": 404,
        "HTTPTooManyRequestsError": 429, "HTTPOtherClientError": 400, "HTTPServerError": 500,
    }  # fmt: skip
    return known.get(type(exc).__name__)


class BoundedFlow:
    """Bytes from the network as a file for PyAV, which may read `MAX_FRAME_BYTES` for one frame and no more.

    With *timeout_s*, it may also take no longer for one frame, however often a few bytes come.
    """

    def __init__(
        self,
        receive: Callable[[int], bytes],
        head: bytes = b"",
        *,
        timeout_s: float = math.inf,
        clock: Clock | None = None,
    ) -> None:
        self._receive = receive
        self._head = head
        self._left = MAX_FRAME_BYTES
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._until_s = math.inf
        self._failed = False

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, at least one before the end. Raises `SourceError` beyond a limit, once.

        After an error there is nothing more: some of FFmpeg's readers try again, and PyAV would print a second error.
        """
        if self._failed:
            return b""
        try:
            return self._bounded(size)
        except BaseException:
            self._failed = True
            raise

    def _bounded(self, size: int) -> bytes:
        if self._left <= 0:
            raise SourceError(f"no frame within {MAX_FRAME_BYTES >> 20} MiB; it delivers something else than video")
        if self._clock.now() > self._until_s:
            raise SourceError(f"no frame for {self._timeout_s:g} s")
        data = self._head[:size] or self._receive(size)
        self._head = self._head[size:]
        self._left -= len(data)
        return data

    def frame_wanted(self) -> None:
        """Begin to measure the time."""
        self._until_s = self._clock.now() + self._timeout_s

    def frame_came(self) -> None:
        """Begin to count anew."""
        self._left = MAX_FRAME_BYTES


class StreamCapture:
    """A stream through PyAV: of an address, or of a *flow* of bytes that somebody else receives.

    With *upright*, frames are turned as the stream's own metadata says. *cut* ends a read in another thread. Raises
    `SourceError` if it cannot be opened.
    """

    def __init__(
        self,
        address: str,
        timeout_s: float,
        *,
        upright: bool = True,
        flow: BoundedFlow | None = None,
        cut: Callable[[], None] = lambda: None,
    ) -> None:
        self.time_s: float | None = None
        """Time stamp of the last frame, in seconds; None without time stamps."""
        self._address = address
        self._timeout_s = timeout_s
        self._upright = upright
        self._flow = flow
        self._cut = cut
        self._released = False
        self._reading = threading.Lock()
        self._container = open_container(address if flow is None else flow, address, timeout_s)
        self._frames = self._decode()

    @property
    def duration_s(self) -> float | None:
        """What the header promises; None for a stream without end."""
        duration = self._container.duration
        return duration / 1e6 if duration is not None and duration > 0 else None

    @property
    def fps(self) -> float:
        """What the header promises, or `DEFAULT_FPS`."""
        rate = self._container.streams.video[0].average_rate
        # Containers without a rate give none, or a time base such as 90,000.
        return float(rate) if rate and rate < 1000 else DEFAULT_FPS

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return whether it was not released."""
        return not self._released

    def read(self) -> tuple[bool, Any]:
        """Return the next frame, BGR ``(height, width, 3)`` uint8, or False at the end. Raises `SourceError`."""
        error: SourceError
        try:
            with self._reading:
                if self._flow is not None:
                    self._flow.frame_wanted()
                return (False, None) if self._released else (True, next(self._frames))
        except StopIteration:
            return False, None
        except SourceError:
            raise
        except Exception as exc:  # noqa: BLE001  (PyAV's errors share no base with what it calls)
            error = self._translated(exc)
        # Outside of the except clause: a traceback would show the address in PyAV's error.
        raise error

    def release(self) -> None:
        """Close the stream. While another thread reads, its read ends soon; then a second call closes the stream."""
        self._released = True
        self._cut()
        if self._reading.acquire(blocking=False):
            try:
                self._frames.close()
                self._container.close()
            finally:
                self._reading.release()

    def _translated(self, exc: Exception) -> SourceError:
        if isinstance(exc, TimeoutError) or type(exc).__name__ == "ExitError":
            return SourceError(f"no data for {self._timeout_s:g} s")
        return SourceError(f"the connection failed: {one_line(scrub(str(getattr(exc, 'strerror', None) or exc)))}")

    def _decode(self) -> Generator[NDArray[np.uint8], None, None]:
        import av

        stream = self._container.streams.video[0]
        for packet in self._container.demux(stream):
            if self._released:
                return
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # a damaged packet; the next key frame mends what follows
            for frame in frames:
                if self._flow is not None:
                    self._flow.frame_came()
                self.time_s = frame.time
                yield self._turned(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), frame.rotation)

    def _turned(self, image: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
        # FFmpeg counts counter-clockwise.
        return turned(image, -rotation) if self._upright else image


def open_container(file: str | BoundedFlow, address: str, timeout_s: float) -> av.container.InputContainer:
    """Open *file*, which *address* names, with a picture in it. Raises `SourceError`."""
    import av

    error: SourceError
    started_s = time.monotonic()
    try:
        container = av.open(file, "r", timeout=(timeout_s, timeout_s), options=OPTIONS)
        # FFmpeg would show a text as a film of its letters.
        if container.streams.video and container.format.name != "tty":
            return container
        container.close()
        error = SourceError(f"camera {redact(address)} delivers no picture, only sound or data; check the address")
    except SourceError as exc:
        error = exc
    except Exception as exc:  # noqa: BLE001  (PyAV's errors share no base with what it calls)
        # FFmpeg may take the time limit for an answer that is cut off.
        is_late = isinstance(exc, av.error.InvalidDataError) and time.monotonic() - started_s >= timeout_s
        error = refusal(TimeoutError() if is_late else exc, address, timeout_s)
    raise error


def open_stream(address: str, timeout_s: float, *, upright: bool = True) -> StreamCapture:
    """Open the stream at *address*, which is not of http. Raises `SourceError`."""
    scheme, _, rest = address.partition(":")
    address = f"{scheme.lower()}:{rest}"
    parts = _parts(address)
    if parts.hostname and not _is_own(address):
        _look_up(parts.hostname, address, timeout_s)
    if parts.scheme == "tcp" and "listen" not in parse_qs(parts.query, keep_blank_values=True):
        return _open_tcp(address, timeout_s, upright)
    return StreamCapture(address, timeout_s, upright=upright)


def _parts(address: str) -> Any:
    error: SourceError
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  (is checked by being asked for)
    except ValueError:
        error = SourceError(f"the address {redact(address)} is not well formed; encode special characters, @ as %40")
    else:
        return parts
    raise error


def _is_own(address: str) -> bool:
    # udp://@:5000 and udp://0.0.0.0:5000 are ports of this machine.
    return address.startswith("udp://@")


def _look_up(host: str, address: str, timeout_s: float) -> None:
    """Raise `SourceError` if *host* is unknown, which FFmpeg would call an input/output error."""
    error: SourceError | None = None
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as exc:
        unknown = exc if isinstance(exc, OSError) else socket.gaierror()
        error = refusal(unknown, address, timeout_s)
    if error is not None:
        raise error


def _open_tcp(address: str, timeout_s: float, upright: bool) -> StreamCapture:
    """Open a stream over a connection of our own, whose bytes are counted and which can be cut off at any time."""
    parts = _parts(address)
    if parts.port is None:
        raise SourceError(f"the address {redact(address)} has no port; write tcp://host:port")
    try:
        connection = socket.create_connection((parts.hostname or "127.0.0.1", parts.port), timeout_s)
    except OSError as exc:
        error = refusal(exc, address, timeout_s)
        raise error from None
    flow = BoundedFlow(connection.recv, timeout_s=timeout_s)
    return StreamCapture(address, timeout_s, upright=upright, flow=flow, cut=lambda: cut_off(connection))


def cut_off(connection: socket.socket) -> None:
    """End all reads from *connection*, in whichever thread. Twice is allowed."""
    with contextlib.suppress(OSError):  # it has ended by itself
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


class NetworkFilm(SourceBase):
    """A film at an address: every frame, in the film's own time, however fast it is read."""

    def __init__(self, address: str, capture: StreamCapture) -> None:
        self._name = redact(address)
        self._capture = capture

    def frames(self) -> Iterator[Frame]:
        """Yield all frames that can be decoded. Raises `SourceError` if the connection fails, or there is no frame."""
        period_s = 1 / self._capture.fps
        first_s: float | None = None
        time_s = -period_s
        index = 0
        while True:
            read, image = self._read(index)
            if not read:
                break
            stamp_s = self._capture.time_s
            if stamp_s is None:
                time_s += period_s
            else:
                first_s = stamp_s if first_s is None else first_s
                time_s = max(time_s, stamp_s - first_s)
            yield Frame(image, max(time_s, 0.0), index, self._name)
            index += 1
        if index == 0:
            raise SourceError(f"{self._name} holds no frame that can be decoded; check the address")

    def _read(self, index: int) -> tuple[bool, Any]:
        try:
            return self._capture.read()
        except SourceError as exc:
            raise SourceError(f"{self._name} failed after {counted(index, 'frame')}: {exc}; run again") from None

    def close(self) -> None:
        """Close the connection."""
        self._capture.release()
