"""Results as CSV, for spreadsheets and data frames. The names of the columns are a stable format."""

from __future__ import annotations

import csv
import io
from typing import IO, TYPE_CHECKING, Final

from edge_fer.sinks.lines import Lines
from edge_fer.text import printable

if TYPE_CHECKING:
    from edge_fer.records import FaceRecord, Record
    from edge_fer.sources import Frame

FRAME_COLUMNS: Final = ("source", "index", "time_s")
FACE_COLUMNS: Final = ("track", "x", "y", "width", "height", "confidence", "seen", "roll_deg", "state")
"""The smoothed score of each label follows."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV injection)."""


class CsvLines(Lines):
    """A line for each face of each frame; one with empty cells for a frame without a face. The first names the columns.

    The scores are the smoothed ones. A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        super().__init__(stream)
        self._begun = False

    def write(self, frame: Frame, record: Record) -> None:
        """Write the record. Raises `SinkError` if the stream refuses it."""
        del frame
        if not self._begun:
            self._begun = True
            self._cells((*FRAME_COLUMNS, *FACE_COLUMNS, *map(_harmless, record.labels)))
        of_frame = (_harmless(record.source), record.index, round(record.time_s, 6))
        for face in record.faces:
            self._cells((*of_frame, *_of_face(face)))
        if not record.faces:
            self._cells((*of_frame, *[""] * (len(FACE_COLUMNS) + len(record.labels))))

    def _cells(self, cells: tuple[object, ...]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(cells)
        self._line(line.getvalue())


def _of_face(face: FaceRecord) -> tuple[object, ...]:
    box = (round(float(value), 1) for value in face.box)
    scores = (round(float(score), 4) for score in face.smoothed)
    confidence = round(face.confidence, 3)
    return (
        face.track, *box, confidence, face.seen.value, round(face.roll_deg, 1), _harmless(face.state), *scores,
    )  # fmt: skip


def _harmless(text: str) -> str:
    text = printable(text)
    return f"'{text}" if text.startswith(FORMULA) else text
