"""Films: every frame with the time that it has in the film, decoded by FFmpeg through PyAV."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from edge_fer.errors import SourceError, one_line
from edge_fer.sources import Frame, SourceBase
from edge_fer.sources.options import DEFAULT_FPS
from edge_fer.sources.transform import turned
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

VIDEO_SUFFIXES: Final = frozenset(
    {
        ".3gp", ".avi", ".flv", ".h264", ".m2ts", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
        ".ts", ".webm", ".wmv",
    }
)  # fmt: skip
FORMATS: Final = "asf,avi,flv,gif,h264,m4v,matroska,webm,mjpeg,mov,mpeg,mpegts,mpegvideo"
"""FFmpeg's names of the formats that are read. Its others include playlists, which open further files or addresses."""
UNPROBED: Final = {".mjpeg": "mjpeg", ".gif": "gif"}
"""Formats by suffix, where FFmpeg would take the content for another one: here, for a single picture."""
RAW: Final = frozenset({"h264", "mjpeg", "mpegvideo", "m4v"})
"""Formats that are nothing but pictures, without times."""
PROMISING: Final = frozenset({"asf", "avi", "flv", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"})
"""Formats whose header tells how long the film is. Of the others FFmpeg guesses it from what is there."""
MAX_PIXELS: Final = 2**26
"""Largest frame that is decoded: twice that of 8K. A small file can hold a frame that takes all memory."""
MAX_THREADS: Final = 4
"""Threads of the decoder. Each holds frames of its own, and recognising is slower than decoding."""
MAX_FPS: Final = 1000.0
"""What a header tells beyond this is a time base, such as 90,000, and no rate."""
WHOLE_FILE: Final = "whose index is at its end is read from a file only: pass its path"
"""What there is to know of an MP4 in a pipe."""
SLACK_S: Final = 0.25
"""By how much a whole film may end before the time that its header tells, which is rounded or that of the sound."""

log = logging.getLogger(__name__)


class Piped(Protocol):
    """A film that comes through a pipe, as PyAV reads it."""

    name: str
    form: str | None
    """FFmpeg's name of its format, where its beginning tells; None lets FFmpeg look."""
    failure: BaseException | None
    """What ended reading before the end of the film."""

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes; none at the end."""
        ...


class Video(SourceBase):
    """The frames of a film, upright, BGR. Their times are the film's own, however fast they are read.

    Raises `SourceError` for a file that is no film.
    """

    def __init__(self, film: Path | Piped) -> None:
        self._name = film.name
        self._film = film
        """As messages call it."""
        self._container = _open(film) if isinstance(film, Path) else _open_piped(film)
        try:
            self._stream = _pictures(self._container, film)
            self._period_s = 1 / _rate(self._container, self._stream)
            # The time at which players begin; a recording of a broadcast may start hours after zero.
            self._start_s = (self._container.start_time or 0) / 1e6
        except BaseException:
            self.close()
            raise

    def frames(self) -> Iterator[Frame]:
        """Yield all frames that can be decoded, and report a film that is damaged or ends early.

        A frame without a time of its own, or with one that does not grow, follows the last one at the film's rate.
        Frames of over `MAX_PIXELS` are not decoded. Raises `SourceError` if none can be.
        """
        index = 0
        time_s = end_s = 0.0
        for decoded, image in self._decoded():
            own_s = None if decoded.time is None else decoded.time - self._start_s
            if index == 0:
                time_s = max(0.0, own_s or 0.0)
            else:
                time_s = own_s if own_s is not None and own_s > time_s else time_s + self._period_s
            end_s = time_s + _length_s(decoded, self._period_s)
            yield Frame(image, time_s, index, self._name)
            index += 1
        if not isinstance(self._film, Path) and self._film.failure is not None:
            raise self._film.failure
        if index == 0:
            raise SourceError(f"{self._film} holds no frame that can be decoded; {self._perhaps()}")
        self._report(index, end_s)

    def _perhaps(self) -> str:
        """Return why no frame may be decoded."""
        if not isinstance(self._film, Path) and not hasattr(self._film, "seek"):
            return f"an MP4 {WHOLE_FILE}"
        return f"it may be incomplete, or its frames have over {MAX_PIXELS // 1_000_000} megapixels"

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _decoded(self) -> Iterator[tuple[VideoFrame, NDArray[np.uint8]]]:
        from av.video.reformatter import VideoReformatter

        # One for all frames: each has tables of its own to prepare.
        reformatter = VideoReformatter()
        for packet in self._packets():
            for frame in self._frames_of(packet):
                image = self._pixels(reformatter, frame)
                if image is not None:
                    yield frame, image

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Yield the packets, then what makes the decoder give its last frames. Reading ends where the file is cut."""
        from av.error import FFmpegError

        try:
            yield from self._container.demux(self._stream)
        except FFmpegError as exc:
            log.debug("%s: %s", self._film, exc)
            yield None

    def _frames_of(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        from av.error import FFmpegError

        try:
            return self._stream.decode(packet)
        except EOFError:  # the decoder has given all frames
            return []
        except FFmpegError:
            self.skipped += 1
            return []

    def _pixels(self, reformatter: VideoReformatter, frame: VideoFrame) -> NDArray[np.uint8] | None:
        from av.error import FFmpegError

        try:
            # Phones store films as the sensor lies. FFmpeg counts counter-clockwise.
            return turned(_bgr(reformatter, frame), -frame.rotation)
        except (FFmpegError, ValueError):  # a damaged header may tell a format that cannot be converted
            self.skipped += 1
            return None

    def _report(self, count: int, end_s: float) -> None:
        """Tell what is missing of the film: of which *count* frames were decoded, and which ended at *end_s*."""
        promised_s = _promised_s(self._container, self._stream)
        if promised_s is not None and promised_s - end_s > max(SLACK_S, 3 * self._period_s):
            self.skipped = max(self.skipped, self._stream.frames - count)
            of_frames = f" of {self._stream.frames}" if self._stream.frames else ""
            log.warning(
                "%s ended at %.1f s of %.1f s, after %d%s frames: it is incomplete or damaged",
                self._film, end_s, promised_s, count, of_frames,
            )  # fmt: skip
        elif self.skipped:
            log.warning("%s is damaged: %s of it cannot be decoded", self._film, counted(self.skipped, "frame"))


def _open(path: Path) -> InputContainer:
    # Imported here: a run on a camera needs no FFmpeg.
    import av

    if not path.is_file():
        raise SourceError(f"{path} is not a file; pass a film, or a camera as /dev/video0")
    # The protocol by name, since FFmpeg would take "pipe:1.mp4" for a pipe.
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        return av.open(f"file:{path}", "r", UNPROBED.get(path.suffix.lower()), options, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or one_line(exc)
        size = path.stat().st_size
        raise SourceError(
            f"{path} ({size} bytes) is not a film that FFmpeg reads: {reason}; it may be cut off"
        ) from exc


def _open_piped(film: Piped) -> InputContainer:
    import av

    # No protocol: the film may name no other file.
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "", "max_pixels": str(MAX_PIXELS)}
    try:
        return av.open(film, "r", film.form, options, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as exc:
        if film.failure is not None:
            raise film.failure from None
        reason = getattr(exc, "strerror", None) or one_line(exc)
        raise SourceError(
            f"{film} is no picture and no film that FFmpeg reads from a pipe: {reason}; an MP4 {WHOLE_FILE}"
        ) from exc


def _pictures(container: InputContainer, path: Path | Piped) -> VideoStream:
    """Return the film's pictures, ready to be decoded."""
    from av.stream import Disposition

    # The cover of a piece of music is a stream of pictures, too.
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise SourceError(f"{path} holds no moving pictures; pass a film")
    stream = container.streams.best("video")
    if stream not in streams:
        stream = streams[0]
    codec = stream.codec_context
    if codec is None:
        raise SourceError(f"{path}: this FFmpeg has no decoder for its pictures; convert it to H.264")
    # The one above is for finding out what the film holds.
    codec.options = {"max_pixels": str(MAX_PIXELS)}
    codec.thread_type = "AUTO"
    codec.thread_count = MAX_THREADS
    return stream


def _rate(container: InputContainer, stream: VideoStream) -> float:
    """Return the frames a second of *stream*."""
    rates = [stream.average_rate, stream.guessed_rate]
    # The average of frames without times is made up; the pictures themselves may tell their rate.
    if container.format.name in RAW:
        rates.reverse()
    for told in rates:
        if told is not None and 0 < told < MAX_FPS:
            return float(told)
    return DEFAULT_FPS


def _length_s(frame: VideoFrame, default_s: float) -> float:
    """Return for how long *frame* is shown, *default_s* if it does not tell."""
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    return default_s


def _bgr(reformatter: VideoReformatter, frame: VideoFrame) -> NDArray[np.uint8]:
    """Return the pixels of *frame* as BGR ``(height, width, 3)``, without another copy than that of the conversion."""
    picture = reformatter.reformat(frame, format="bgr24")
    plane = picture.planes[0]
    # Rows are padded.
    return np.ndarray((picture.height, picture.width, 3), np.uint8, memoryview(plane), strides=(plane.line_size, 3, 1))


def _promised_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the end of the film's pictures that its header tells, None if it tells none."""
    if container.format.name not in PROMISING:
        return None
    # Where the index is cut off, FFmpeg reckons the duration from what is there.
    if container.format.name == "avi" and stream.frames:
        return stream.frames / _rate(container, stream)
    if stream.duration is not None and stream.time_base is not None:
        end_s = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        return end_s - (container.start_time or 0) / 1e6
    # Matroska tells it of each stream in a tag, as hours:minutes:seconds.
    with contextlib.suppress(KeyError, ValueError):
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    # That of the whole file may be that of the sound.
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / 1e6
    return None
