"""Results as lines of text: JSON Lines for programs, sentences for people."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from edge_fer.errors import SinkError

if TYPE_CHECKING:
    from edge_fer.records import FaceRecord, Record
    from edge_fer.sources import Frame


GONE_AFTER_S = 0.5
"""A face that is unseen for less is not reported as gone; the tracker remembers it as long."""


class _Lines:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def _line(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except BrokenPipeError:
            raise  # the reader has gone: whoever runs the loop ends it in silence
        except (OSError, ValueError) as exc:
            raise SinkError(f"a result cannot be written: {exc}; is the disk full?") from exc

    def close(self) -> None:
        """Leave the stream to its owner."""


class JsonLines(_Lines):
    """One record a line, each a JSON object; the README documents its fields."""

    def write(self, frame: Frame, record: Record) -> None:
        """Write the record."""
        del frame
        self._line(record.as_json())


class Text(_Lines):
    """A line for each picture of stills; of moving pictures only when a face comes, goes or changes its state."""

    def __init__(self, stream: IO[str], *, every_frame: bool) -> None:
        super().__init__(stream)
        self._every_frame = every_frame
        self._shown: dict[int, tuple[str, float]] = {}  # track: the state that was written, when it was last seen

    def write(self, frame: Frame, record: Record) -> None:
        """Write what is new."""
        del frame
        if self._every_frame:
            self._write_still(record)
        else:
            self._write_changes(record)

    def _write_still(self, record: Record) -> None:
        if not record.faces:
            self._line(f"{record.source}: no face")
        for face in record.faces:
            self._line(f"{record.source}: {_describe(face, record.labels)}")

    def _write_changes(self, record: Record) -> None:
        now = f"{record.time_s:8.2f} s"
        for face in record.faces:
            state, _ = self._shown.get(face.track, (None, 0.0))
            if state != face.state:
                self._line(f"{now}: {_describe(face, record.labels)}")
            self._shown[face.track] = face.state, record.time_s
        for track, (_, seen_s) in list(self._shown.items()):
            if record.time_s - seen_s > GONE_AFTER_S:
                self._line(f"{now}: face {track} is out of sight")
                del self._shown[track]


def _describe(face: FaceRecord, labels: tuple[str, ...]) -> str:
    best = sorted(zip(face.smoothed.tolist(), labels, strict=True), reverse=True)[:3]
    shares = ", ".join(f"{label} {score:.0%}" for score, label in best)
    x, y, width, height = (round(v) for v in face.box)
    return f"face {face.track} at {x},{y} {width}x{height} px: {face.state} ({shares})"
