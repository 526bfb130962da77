"""Results as lines of text: JSON Lines for programs, sentences for people."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from edge_fer.errors import SinkError

if TYPE_CHECKING:
    from edge_fer.records import FaceRecord, Record
    from edge_fer.sources import Frame


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
        self._shown: dict[int, str] = {}

    def write(self, frame: Frame, record: Record) -> None:
        """Write what is new."""
        del frame
        where = f"{record.source}" if self._every_frame else f"{record.time_s:8.2f} s"
        states = {face.track: face.state for face in record.faces}
        if self._every_frame:
            if not record.faces:
                self._line(f"{where}: no face")
            for face in record.faces:
                self._line(f"{where}: {_describe(face, record.labels)}")
            return
        for face in record.faces:
            if self._shown.get(face.track) != face.state:
                self._line(f"{where}: {_describe(face, record.labels)}")
        for gone in self._shown.keys() - states.keys():
            self._line(f"{where}: face {gone} is out of sight")
        self._shown = states


def _describe(face: FaceRecord, labels: tuple[str, ...]) -> str:
    best = sorted(zip(face.smoothed.tolist(), labels, strict=True), reverse=True)[:3]
    shares = ", ".join(f"{label} {score:.0%}" for score, label in best)
    x, y, width, height = (round(v) for v in face.box)
    return f"face {face.track} at {x},{y} {width}x{height} px: {face.state} ({shares})"
