"""Results drawn into a film that plays at the speed of life and survives whatever ends the program."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import cv2
import numpy as np

from edge_fer.errors import MissingDependency, SinkError, one_line
from edge_fer.sinks import private
from edge_fer.sinks.drawing import annotate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from av import Packet, VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from edge_fer.records import Record
    from edge_fer.sources import Frame

TICKS: Final = 10_000
"""Units of time in a second of film. MP4 counts how long a frame stays in 32 bits of them: up to five days."""
MAX_STAY_S: Final = 24 * 3600.0
"""For how long a frame stays at most, when the next one comes later than that."""
DEFAULT_STAY_S: Final = 1 / 30
MAX_LAST_STAY_S: Final = 1.0
"""The last frame stays as long as the one before it did, at most for this time."""
MIN_SIDE_PX: Final = 16
"""Smallest side of a film. Encoders see blocks of this size."""
ENCODERS: Final[Mapping[str, Mapping[str, str]]] = {
    # The fastest setting, and no waiting for later frames: each is encoded when it comes.
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "26"},
    "mpeg4": {"qscale": "5"},
}
"""Encoders with their options, the better one first. PyAV's wheels have both, a distribution's FFmpeg may not."""
CONTAINER: Final = {
    # Each frame is written as soon as the next one comes, and can be played then: it costs 90 bytes a frame. When the
    # film ends, an index of all frames turns it into an ordinary MP4.
    "movflags": "hybrid_fragmented+frag_every_frame+empty_moov+default_base_moof",
    "flush_packets": "1",
}

log = logging.getLogger(__name__)


class AnnotatedVideo:
    """An ``.mp4`` of all frames, each shown for as long as it was the newest one of the source.

    If its name is taken, it gets a number. It has the size of its first frame, into which others are fitted. Whatever
    ends the program, all but the last frame can be played.
    """

    def __init__(self, path: Path) -> None:
        # Before the first frame comes: while it is imported, a camera would deliver several.
        import av  # noqa: F401

        self.path = path
        """Where the film is; after the first frame the name that it got."""
        self._film: _Film | None = None
        self._size = 0, 0

    def write(self, frame: Frame, record: Record) -> None:
        """Append the frame. Raises `SinkError` if the file cannot be written; what it holds can be played."""
        picture = annotate(frame, record)
        if self._film is None:
            height, width = picture.shape[:2]
            self._size = width, height
            self._film = self._begin(_even(picture))
        self._film.append(_even(_fitted(picture, *self._size)), record.time_s)

    def saved(self) -> str:
        """Return the path of the film; nothing before there is one."""
        return str(self.path) if self._film is not None else ""

    def close(self) -> None:
        """Finish the film. Raises `SinkError` if its end cannot be written; what it holds can be played."""
        if self._film is not None:
            self._film.close()

    def _begin(self, first: NDArray[np.uint8]) -> _Film:
        descriptor, path = private.create(self.path)
        if path != self.path:
            log.warning("%s exists; this film is %s", self.path, path)
        self.path = path
        try:
            return _Film(_Output(descriptor, path), first.shape[1], first.shape[0])
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise


class _Film:
    """An MP4 that is being written."""

    def __init__(self, output: _Output, width_px: int, height_px: int) -> None:
        # Imported here: few runs save a film.
        import av

        self._output = output
        self._container: OutputContainer = av.open(output, "w", "mp4", CONTAINER)
        self._stream = _add_stream(self._container)
        self._stream.width = width_px
        self._stream.height = height_px
        self._stream.pix_fmt = "yuv420p"
        codec = self._stream.codec_context
        codec.time_base = Fraction(1, TICKS)
        codec.thread_count = 1  # the others are for recognising
        # What OpenCV converts to.
        codec.colorspace = av.video.reformatter.Colorspace.ITU601
        codec.color_range = av.video.reformatter.ColorRange.MPEG
        self._origin_s = 0.0
        self._last: int | None = None
        self._stay = round(DEFAULT_STAY_S * TICKS)
        self._open = True

    def append(self, picture: NDArray[np.uint8], time_s: float) -> None:
        """Append BGR *picture*, which the source delivered at *time_s*."""
        import av

        planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
        frame.pts = self._ticks(time_s)
        frame.time_base = Fraction(1, TICKS)
        self._write(self._encoded(frame))

    def close(self) -> None:
        """Write what the encoder holds back, then the index, and close the file."""
        if not self._open:
            return
        self._open = False
        try:
            if self._output.failure is None:
                self._write(self._encoded(None))
                self._finish()
            else:
                self._drop()
        finally:
            self._output.close()

    def _ticks(self, time_s: float) -> int:
        """Return when the frame of *time_s* begins. A source's time that starts again, or leaps, goes on from here."""
        if self._last is None:
            self._origin_s = time_s
            self._last = 0
            return 0
        ticks = round((time_s - self._origin_s) * TICKS)
        if not self._last < ticks <= self._last + MAX_STAY_S * TICKS:
            ticks = self._last + self._stay
            self._origin_s = time_s - ticks / TICKS
        self._stay = min(ticks - self._last, round(MAX_LAST_STAY_S * TICKS))
        self._last = ticks
        return ticks

    def _encoded(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        packets = self._stream.encode(frame)
        for packet in packets:
            # Of all but the last one, the beginning of the next one counts.
            packet.duration = self._stay
        return packets

    def _write(self, packets: Iterable[Packet[VideoStream]]) -> None:
        with self._output.whole_or_not():
            for packet in packets:
                self._container.mux(packet)

    def _finish(self) -> None:
        with self._output.whole_or_not():
            self._output.finishing = True
            self._container.close()
            self._output.apply()

    def _drop(self) -> None:
        """Free the container after a failure. It tries to write an index, which the file refuses."""
        from av.error import FFmpegError

        with contextlib.suppress(FFmpegError, OSError):
            self._container.close()


class _Output:
    """The file that FFmpeg writes to: as PyAV wants it, with ``write``, ``seek`` and ``tell``.

    After the first failure nothing more is written, so that the parts that are complete stay as they are.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self.failure: BaseException | None = None
        self.finishing = False
        self._descriptor = descriptor
        self._path = path
        self._position = 0
        self._end = 0
        self._kept: list[tuple[int, bytes]] = []

    def write(self, data: bytes) -> int:
        """Write *data*. Raises `OSError`."""
        if self.failure is not None:
            raise OSError(errno.EIO, "an earlier write failed")
        try:
            self._write(data)
        # PyAV loses anything but an Exception on its way through FFmpeg, such as Ctrl-C.
        except BaseException as exc:
            self.failure = exc
            raise OSError(errno.EIO, "it cannot be written") from exc
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to *offset*, from the beginning, here or the end."""
        self._position = offset + (0, self._position, self._end)[whence]
        return self._position

    def tell(self) -> int:
        """Return where it is."""
        return self._position

    @contextlib.contextmanager
    def whole_or_not(self) -> Iterator[None]:
        """Write all that is written inside, or nothing of it and raise `SinkError`."""
        from av.error import FFmpegError

        begin = self._end
        try:
            yield
        except (FFmpegError, OSError) as exc:
            self.failure = self.failure or exc
        if self.failure is None:
            return
        # A part without its end would be taken for a damaged film.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, begin)
        if isinstance(self.failure, OSError):
            raise private.refused(self._path, self.failure) from self.failure
        if isinstance(self.failure, Exception):
            raise SinkError(f"{self._path} cannot be encoded: {one_line(self.failure)}") from self.failure
        raise self.failure

    def apply(self) -> None:
        """Turn the parts into one film with an index: write over its beginning what was kept until all else is safe."""
        os.fsync(self._descriptor)
        for offset, data in self._kept:
            _write_all(self._descriptor, data, offset)
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file. If nothing could be written, there is none."""
        if os.fstat(self._descriptor).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        if self.finishing and self._position < self._end:
            self._kept.append((self._position, data))
        else:
            _write_all(self._descriptor, data, self._position)
            if os.fstat(self._descriptor).st_nlink == 0:
                raise OSError(errno.ENOENT, "it was removed while it was written")
        self._position += len(data)
        self._end = max(self._end, self._position)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest = rest[written:]
        offset += written


def _add_stream(container: OutputContainer) -> VideoStream:
    """Add a stream to *container*, encoded by the first of `ENCODERS` that this FFmpeg has."""
    from av import codecs_available

    for name, options in ENCODERS.items():
        if name in codecs_available:
            if name == "mpeg4":
                log.warning(
                    "this FFmpeg has no encoder of H.264, so the film is MPEG-4: VLC and mpv play it, browsers do not"
                )
            return cast("VideoStream", container.add_stream(name, options=dict(options)))
    names = ", ".join(ENCODERS)
    raise MissingDependency(f"this FFmpeg has none of the encoders {names}: pip install --force-reinstall av")


def _fitted(picture: NDArray[np.uint8], width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Return *picture* with a size of *width_px* x *height_px*: scaled in proportion, with black bars where it ends."""
    height, width = picture.shape[:2]
    if (width, height) == (width_px, height_px):
        return picture
    scale = min(width_px / width, height_px / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    left = (width_px - size[0]) // 2
    top = (height_px - size[1]) // 2
    canvas = np.zeros((height_px, width_px, 3), np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=interpolation)
    return canvas


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return *picture* with even sides, as a film with a colour for every four pixels needs: its edge is repeated."""
    height, width = picture.shape[:2]
    right = max(width + width % 2, MIN_SIDE_PX) - width
    below = max(height + height % 2, MIN_SIDE_PX) - height
    if not right and not below:
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
