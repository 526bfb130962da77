"""Results as lines of text: JSON Lines for programs, sentences for people."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from edge_fer.errors import SinkError
from edge_fer.records import GONE_AFTER_S
from edge_fer.text import printable

if TYPE_CHECKING:
    from edge_fer.records import FaceRecord, Record
    from edge_fer.sources import Frame

SHOWN_LABELS: Final = 3
"""How many labels, the best ones, a sentence gives with their scores."""


class Lines:
    """Writes lines to a stream, each at once. Raises `SinkError` for a closed or full one."""

    def __init__(self, stream: IO[str] | None) -> None:
        if stream is None:  # what Python has for a closed stdout
            raise SinkError("results cannot be written: stdout is closed; pass > /dev/null to drop them")
        self._stream = stream

    def _line(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            # Each line at once: who reads along must not wait until a buffer is full.
            self._stream.flush()
        except (BrokenPipeError, SinkError):
            raise  # the reader is gone, as with `| head`: the command ends in silence; or stdout has said what is wrong
        except (OSError, ValueError) as exc:
            raise SinkError(f"a result cannot be written: {exc}; is the disk full?") from exc

    def close(self) -> None:
        """Do nothing: the stream belongs to the caller."""


class JsonLines(Lines):
    """A JSON object for each frame, one on each line. `Record.as_dict` has its fields."""

    def write(self, frame: Frame, record: Record) -> None:
        """Write the record. Raises `SinkError` if the stream refuses it."""
        del frame
        self._line(record.as_json())


class Text(Lines):
    """Sentences: with *every_frame* one for each face of each frame, else one when a face comes, goes or changes state.

    The first suits still images, the second a video or a camera. With *named*, each begins with the source's name.
    """

    def __init__(self, stream: IO[str] | None, *, every_frame: bool, named: bool = False) -> None:
        super().__init__(stream)
        self._every_frame = every_frame
        self._named = named
        # By track: the state that was written last, and when the face was last seen.
        self._reported: dict[int, tuple[str, float]] = {}

    def write(self, frame: Frame, record: Record) -> None:
        """Write what is new. Raises `SinkError` if the stream refuses it."""
        del frame
        if self._every_frame:
            self._write_still(record)
        else:
            self._write_changes(record)

    def _write_still(self, record: Record) -> None:
        if not record.faces:
            self._line(f"{printable(record.source)}: no face")
        for face in record.faces:
            self._line(f"{printable(record.source)}: {_describe(face, record.labels)}")

    def _write_changes(self, record: Record) -> None:
        now = f"{record.time_s:8.2f} s"
        if self._named:
            now = f"{printable(record.source)}: {now}"
        for face in record.faces:
            reported_state, _ = self._reported.get(face.track, (None, 0.0))
            if reported_state != face.state:
                self._line(f"{now}: {_describe(face, record.labels)}")
            self._reported[face.track] = face.state, record.time_s
        # A copy, since entries are removed on the way.
        for track, (_, seen_s) in list(self._reported.items()):
            if record.time_s - seen_s > GONE_AFTER_S:
                self._line(f"{now}: face {track} is out of sight")
                del self._reported[track]


def _describe(face: FaceRecord, labels: tuple[str, ...]) -> str:
    ranked = sorted(zip(face.smoothed.tolist(), labels, strict=True), reverse=True)
    shares = ", ".join(f"{label} {score:.0%}" for score, label in ranked[:SHOWN_LABELS])
    x, y, width, height = (round(value) for value in face.box)
    # Labels come from the bundle, which comes from outside.
    return f"face {face.track} at {x},{y} {width}x{height} px: {printable(f'{face.state} ({shares})')}"
