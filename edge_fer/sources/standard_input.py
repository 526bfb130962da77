"""Frames from standard input: a picture, or a film or stream that another program writes into a pipe."""

from __future__ import annotations

import os
import re
import sys
from typing import IO, TYPE_CHECKING, Final

from edge_fer.errors import SourceError
from edge_fer.images import MAX_FILE_BYTES, Picture, decode_frame, is_animation
from edge_fer.sources import Frame, Source, SourceBase

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "standard input"
CHUNK_BYTES: Final = 1 << 16
HEAD_BYTES: Final = 16
JPEG: Final = b"\xff\xd8\xff"
GIF: Final = (b"GIF87a", b"GIF89a")
PICTURE: Final = re.compile(
    rb"\x89PNG\r\n\x1a\n|BM|II[*+]\0|MM\0[*+]|RIFF.{4}WEBP|.{4}ftyp(avif|avis|mif1)|P[1-6]\s", re.DOTALL
)
"""How the pictures begin that are no film as well."""
ANOTHER_JPEG: Final = b"\xff\xd9\xff\xd8\xff"
"""The end of a picture and the beginning of the next: a stream of pictures (MJPEG)."""
PARTS: Final = b"MPF\0"
"""What says, near the beginning, that a JPEG holds several views of one picture (CIPA DC-007), as telephones write."""


def open_standard_input() -> Source:
    """Return what standard input holds. Raises `SourceError` for a terminal, and for what is no picture and no film."""
    # Python has no object for a stream that was closed, and tests replace it by one without bytes.
    stream: IO[bytes] | None = getattr(sys.stdin, "buffer", None)
    if stream is None or sys.stdin.isatty():
        raise SourceError(
            "standard input is a terminal or closed; pipe a picture or a film into it: cat photo.jpg | edge-fer run -"
        )
    return opened(stream)


def opened(stream: IO[bytes]) -> Source:
    """Return the picture or the film that *stream* holds. Raises `SourceError`."""
    pipe = _File(stream) if stream.seekable() else _Pipe(stream)
    head = pipe.peek(HEAD_BYTES)
    if not head:
        raise SourceError(f"{NAME} is empty; pipe a picture or a film into it: cat photo.jpg | edge-fer run -")
    if PICTURE.match(head):
        return _Still(pipe.whole())
    if head.startswith(GIF) and not is_animation(content := pipe.whole()):
        return _Still(content)
    if head.startswith(JPEG):
        if not pipe.holds(ANOTHER_JPEG) or PARTS in pipe.begun:
            return _Still(pipe.whole())
        pipe.form = "mjpeg"  # FFmpeg would take it for a single picture
    from edge_fer.sources import video

    return video.Video(pipe)


class _Pipe:
    """A stream whose beginning was looked at, and is read again."""

    name = NAME

    def __init__(self, stream: IO[bytes]) -> None:
        self.form: str | None = None
        self.failure: BaseException | None = None
        self.begun = bytearray()
        """What was read and not yet handed over."""
        self._stream = stream
        self._ended = False

    def __str__(self) -> str:
        return self.name

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes; none at the end, and after a failure, which is kept in `failure`."""
        # PyAV loses anything but an Exception on its way through FFmpeg, such as Ctrl-C.
        try:
            if not self.begun and self.failure is None:
                self._more(size)
        except BaseException as exc:  # noqa: BLE001  (whoever asks for frames gets it)
            self.failure = exc
        data = bytes(self.begun[:size])
        del self.begun[:size]
        return data

    def peek(self, size: int) -> bytes:
        """Return the first *size* bytes, fewer if there are no more; they are read again."""
        while len(self.begun) < size and not self._ended:
            self._more(CHUNK_BYTES)
        return bytes(self.begun[:size])

    def holds(self, mark: bytes) -> bool:
        """Return whether *mark* comes; no more is read than that takes. Raises `SourceError` as `whole` does."""
        looked = 0
        while True:
            at = self.begun.find(mark, looked)
            if at >= 0:
                return True
            if self._ended:
                return False
            # It may lie across two reads.
            looked = max(0, len(self.begun) - len(mark))
            self._more(CHUNK_BYTES)

    def whole(self) -> bytes:
        """Return all of it. Raises `SourceError` for more than a picture may have."""
        while not self._ended:
            self._more(CHUNK_BYTES)
        return bytes(self.begun)

    def _more(self, size: int) -> None:
        """Read what is there, up to *size* bytes, and wait for it if there is nothing yet."""
        if len(self.begun) > MAX_FILE_BYTES:
            raise SourceError(f"{NAME} is a picture of over {MAX_FILE_BYTES >> 20} MB; scale it down")
        try:
            read1 = getattr(self._stream, "read1", self._stream.read)
            data = read1(size)
        except OSError as exc:
            raise SourceError(f"{NAME} cannot be read: {exc.strerror or exc}") from exc
        self._ended = not data
        self.begun += data


class _File(_Pipe):
    """A file that a shell has opened (``< film.mp4``): FFmpeg may leap in it."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to *offset*, from the beginning, here or the end."""
        if whence == os.SEEK_CUR:
            offset -= len(self.begun)
        self.begun.clear()
        self._ended = False
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return where it is."""
        return self._stream.tell() - len(self.begun)


class _Still(SourceBase):
    """A picture."""

    stills = True

    def __init__(self, content: bytes) -> None:
        self._content = content

    def frames(self) -> Iterator[Frame]:
        """Yield the picture. Raises `SourceError` if it cannot be decoded."""
        picture = self._decoded()
        yield Frame(picture.pixels, 0.0, 0, NAME, reduced=picture.reduced)

    def _decoded(self) -> Picture:
        try:
            return decode_frame(self._content)
        except ValueError as exc:
            raise SourceError(f"{NAME} {exc}") from exc
