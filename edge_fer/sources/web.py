"""What is behind an http address: a stream of pictures, a stream of video, a film, or one picture."""

from __future__ import annotations

import http.client
import ssl
import urllib.request
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from edge_fer.errors import SourceError, one_line
from edge_fer.images import decode_image
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.addresses import redact, scrub
from edge_fer.sources.live import within
from edge_fer.sources.stream import MAX_FRAME_BYTES, BoundedFlow, StreamCapture, cut_off, http_status, refusal

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge_fer.sources.live import Capture

CHUNK_BYTES: Final = 1 << 16
MAX_LINE_BYTES: Final = 8192
"""Longest line of a part's header."""
MAX_HEADER_LINES: Final = 100
HEAD_BYTES: Final = 16
"""How many first bytes tell a picture from other content."""
PLAYLIST: Final = b"#EXTM3U"
PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")
"""How pictures begin; of WebP and others, only the Content-Type tells."""


class Link:
    """One answer of a web server, read by one thread; another one may cut it off at any time."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self.content_type = ""
        self.length: int | None = None
        """Bytes of the content; None where it has no end, or the server does not tell."""
        self.head = b""
        """The first `HEAD_BYTES`, which `receive` returns again."""
        self._sockets: list[socket.socket] = []
        self._cut = False
        self._response: http.client.HTTPResponse | None = None

    def open(self) -> Link:
        """Ask for the content and await its first bytes. Raises `SourceError`."""
        error: SourceError
        try:
            self._response = self._ask()
            self.content_type = self._response.headers.get_content_type()
            self.length = self._response.length
            self.head = self._first_bytes()
        except SourceError as exc:
            error = SourceError(f"camera {redact(self.address)} answers, but {exc}; check the address")
        except Exception as exc:  # noqa: BLE001  (urllib, http.client, ssl and digest authentication raise many kinds)
            error = self._translated(exc)
        else:
            return self
        # Outside of the except clause: a traceback would show what the library says of the address.
        raise error

    def receive(self, size: int) -> bytes:
        """Return up to *size* bytes; none at the end. Raises `SourceError`."""
        if self.head:
            data = self.head[:size]
            self.head = self.head[size:]
            return data
        return self._receive(size)

    def cut(self) -> None:
        """End all reads, in whichever thread. Twice is allowed."""
        self._cut = True
        for connection in self._sockets:
            cut_off(connection)

    def keep(self, connection: socket.socket) -> None:
        """Note a connection that `cut` ends."""
        self._sockets.append(connection)
        if self._cut:
            cut_off(connection)

    def _receive(self, size: int) -> bytes:
        assert self._response is not None  # noqa: S101  (it was opened)
        try:
            return self._response.read1(size)
        except TimeoutError:
            reason = f"no data for {self.timeout_s:g} s"
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as exc:  # the last three: it was cut
            reason = f"the connection failed: {one_line(scrub(str(exc)))}"
        raise SourceError(reason)

    def _first_bytes(self) -> bytes:
        head = b""
        while len(head) < HEAD_BYTES and (data := self._receive(HEAD_BYTES - len(head))):
            head += data
        return head

    def _ask(self) -> http.client.HTTPResponse:
        plain, user, password = _without_user(self.address)
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if user:
            # For all paths of this host and port, since a camera may lead to another path; but for no other host.
            passwords.add_password(None, urljoin(plain, "/"), user, password)
        opener = urllib.request.build_opener(
            _Http(self),
            _Https(self),
            urllib.request.HTTPBasicAuthHandler(passwords),
            urllib.request.HTTPDigestAuthHandler(passwords),
        )
        request = urllib.request.Request(plain, headers={"User-Agent": "edge-fer", "Accept": "*/*"})  # noqa: S310
        return opener.open(request, timeout=self.timeout_s)  # type: ignore[no-any-return]

    def _translated(self, exc: Exception) -> SourceError:
        if isinstance(exc, http.client.HTTPException):
            return SourceError(f"camera {redact(self.address)} does not answer as a web server; check scheme and port")
        # urllib wraps errors of the connection.
        cause = getattr(exc, "reason", exc)
        if http_status(exc) is None and isinstance(cause, BaseException):
            return refusal(cause, self.address, self.timeout_s)
        return refusal(exc, self.address, self.timeout_s)


class _Connection(http.client.HTTPConnection):
    """Shows its socket to the link, which may cut it off."""

    def __init__(self, *args: Any, link: Link, **options: Any) -> None:
        super().__init__(*args, **options)
        self._link = link

    def connect(self) -> None:
        super().connect()
        self._link.keep(self.sock)


class _TlsConnection(_Connection, http.client.HTTPSConnection):
    """The same over TLS."""


class _Http(urllib.request.HTTPHandler):
    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Connection, link=self._link), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, link: Link) -> None:
        # As FFmpeg does it: cameras sign their certificates themselves, so there is nobody to vouch for them.
        self._unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._unverified.check_hostname = False
        self._unverified.verify_mode = ssl.CERT_NONE
        super().__init__(context=self._unverified)
        self._link = link

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_TlsConnection, link=self._link), req, context=self._unverified)


def _without_user(address: str) -> tuple[str, str, str]:
    """Return *address* as urllib takes it, and the user name and password that were in it."""
    parts = urlsplit(address)
    _, _, host = parts.netloc.rpartition("@")
    # Characters that stand in no address, such as spaces, are encoded; what is encoded already stays.
    path = quote(parts.path or "/", safe="/%:=&?~+!$,;'@()*[]")
    query = quote(parts.query, safe="/%:=&?~+!$,;'@()*[]")
    host = host if host.isascii() else host.encode("idna").decode()
    plain = urlunsplit((parts.scheme.lower(), host, path, query, ""))
    return plain, unquote(parts.username or ""), unquote(parts.password or "")


class PartsCapture:
    """Pictures of a ``multipart/x-mixed-replace`` answer, as most network cameras send it (MJPEG)."""

    def __init__(self, link: Link) -> None:
        self.time_s: float | None = None
        """What the header ``X-Timestamp`` of the last part says, in seconds; None without it."""
        self._link = link
        self._buffer = bytearray()
        self._boundary = b""
        self._released = False

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return whether it was not released."""
        return not self._released

    def read(self) -> tuple[bool, Any]:
        """Return the next picture that can be decoded, BGR; False at the end. Raises `SourceError`."""
        while not self._released and self._skip_to_part():
            content = self._content(self._headers())
            try:
                return True, decode_image(content)
            except ValueError:
                continue  # damaged on the way; the next one comes at once
        return False, None

    def release(self) -> None:
        """Close the connection."""
        self._released = True
        self._link.cut()

    def _skip_to_part(self) -> bool:
        """Read up to and with the line that begins the next part. Return False at the end."""
        skipped = 0
        while skipped < MAX_FRAME_BYTES:
            line = self._line()
            if line is None:
                return False
            skipped += len(line)
            text = line.strip()
            if self._boundary and text == self._boundary + b"--":
                return False
            # The first one shows how this camera writes it: some add the two hyphens to the header's, some do not.
            if text == self._boundary if self._boundary else text.startswith(b"--"):
                self._boundary = bytes(text)
                return True
        raise SourceError(f"no picture within {MAX_FRAME_BYTES >> 20} MiB; it sends something else")

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADER_LINES):
            line = self._line()
            if line is None or not line.strip():
                return headers
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        raise SourceError(f"the header of a part has more than {MAX_HEADER_LINES} lines")

    def _content(self, headers: dict[str, str]) -> bytes:
        self.time_s = _number(headers.get("x-timestamp"))
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            return self._up_to_boundary()
        # The number of digits first, since Python refuses to convert thousands of them.
        if len(length) > len(str(MAX_FRAME_BYTES)) or int(length) > MAX_FRAME_BYTES:
            raise SourceError(f"a picture of more than {MAX_FRAME_BYTES >> 20} MiB was announced")
        while len(self._buffer) < int(length) and self._fill():
            pass
        return self._take(int(length))

    def _up_to_boundary(self) -> bytes:
        start = 0
        mark = b"\n" + self._boundary
        while (end := self._buffer.find(mark, start)) < 0:
            start = max(0, len(self._buffer) - len(mark))
            if len(self._buffer) > MAX_FRAME_BYTES:
                raise SourceError(f"a picture has no end within {MAX_FRAME_BYTES >> 20} MiB")
            if not self._fill():
                return self._take(len(self._buffer))
        return self._take(end + 1)

    def _line(self) -> bytes | None:
        """Return the next line, or a piece of `MAX_LINE_BYTES` of a longer one; None at the end."""
        start = 0
        while (end := self._buffer.find(b"\n", start, MAX_LINE_BYTES)) < 0:
            start = len(self._buffer)
            if start >= MAX_LINE_BYTES:
                return self._take(MAX_LINE_BYTES)
            if not self._fill():
                return self._take(start) if start else None
        return self._take(end + 1)

    def _fill(self) -> bool:
        data = self._link.receive(CHUNK_BYTES)
        self._buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


class PictureCapture:
    """One picture, then the end."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self._image: NDArray[np.uint8] | None = image

    def isOpened(self) -> bool:  # noqa: N802  (as of cv2.VideoCapture)
        """Return whether the picture is still to come."""
        return self._image is not None

    def read(self) -> tuple[bool, Any]:
        """Return the picture, and False afterwards."""
        image = self._image
        self._image = None
        return image is not None, image

    def release(self) -> None:
        """Forget the picture."""
        self._image = None


class NetworkPicture(SourceBase):
    """One picture at an address."""

    stills = True

    def __init__(self, address: str, capture: Capture) -> None:
        # Without the query: the name of what is saved comes from it.
        self._name = redact(address).partition("?")[0]
        self._capture = capture

    def frames(self) -> Iterator[Frame]:
        """Yield the picture."""
        read, image = self._capture.read()
        if read:
            yield Frame(image, 0.0, 0, self._name)


@dataclass(frozen=True)
class Found:
    """What is at an address, and the capture that reads it."""

    kind: Literal["stream", "film", "picture"]
    capture: StreamCapture | PartsCapture | PictureCapture


def look(address: str, timeout_s: float, *, upright: bool = True) -> Found:
    """Return what is at *address*, by the answer's Content-Type and its first bytes. Raises `SourceError`."""
    link = Link(address, timeout_s)
    error: SourceError
    try:
        return within(
            timeout_s,
            lambda: _tell_apart(link.open(), upright),
            late=lambda found: found.capture.release(),
            name=f"camera {redact(address)}, opening",
        )
    except TimeoutError as exc:
        error = refusal(exc, address, timeout_s)
    except SourceError as exc:
        error = exc
    # What is still going on ends with the connection.
    link.cut()
    raise error


def _tell_apart(link: Link, upright: bool) -> Found:
    kind = link.content_type
    if kind.startswith("multipart/"):
        return Found("stream", PartsCapture(link))
    if kind.startswith("image/") or (link.length is not None and link.head.startswith(PICTURES)):
        return Found("picture", PictureCapture(_picture(link)))
    if link.head.startswith(PLAYLIST):
        link.cut()
        return _timed(StreamCapture(link.address, link.timeout_s, upright=upright))
    if kind.startswith("text/"):
        raise SourceError(f"camera {redact(link.address)} answers with {kind}, which is no video; check the path")
    if link.length is not None:
        # Through FFmpeg's own connection, which can jump: in many films, the index stands at the end.
        link.cut()
        return Found("film", StreamCapture(link.address, link.timeout_s, upright=upright))
    # Over the same connection, since some servers take one only.
    flow = BoundedFlow(link.receive, timeout_s=link.timeout_s)
    return _timed(StreamCapture(link.address, link.timeout_s, upright=upright, flow=flow, cut=link.cut))


def _timed(capture: StreamCapture) -> Found:
    return Found("film" if capture.duration_s else "stream", capture)


def _picture(link: Link) -> NDArray[np.uint8]:
    try:
        return decode_image(_whole(link))
    except SourceError as exc:
        reason = f"is a picture that did not come whole: {exc}; try again"
    except ValueError as exc:
        reason = str(exc)
    finally:
        link.cut()
    raise SourceError(f"{redact(link.address)} {reason}")


def _whole(link: Link) -> bytes:
    content = bytearray()
    while data := link.receive(CHUNK_BYTES):
        content += data
        if len(content) > MAX_FRAME_BYTES:
            raise ValueError(f"is a picture of more than {MAX_FRAME_BYTES >> 20} MiB")
    return bytes(content)


class HttpOpener:
    """Opens the stream at an http address again and again; the first time, it hands over what was *found* already."""

    def __init__(self, timeout_s: float, *, upright: bool = True, found: Found | None = None) -> None:
        self._timeout_s = timeout_s
        self._upright = upright
        self._found = found

    def __call__(self, device: str, width_px: int, height_px: int, fps: float) -> Capture:
        """Return the capture of *device*, an address. Raises `SourceError`."""
        del width_px, height_px, fps  # a server sends what it sends
        found = self._found or look(device, self._timeout_s, upright=self._upright)
        self._found = None
        return found.capture
