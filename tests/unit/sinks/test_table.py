from __future__ import annotations

import csv
import io

import numpy as np

from edge_fer.boxes import Box
from edge_fer.records import FaceRecord, Record
from edge_fer.sinks.table import CsvLines

SCORES = np.array([0.25, 0.75], np.float32)


def test_a_face_is_a_line_and_a_frame_without_one_has_empty_cells():
    stream = io.StringIO()
    sink = CsvLines(stream)
    found = FaceRecord(3, Box(1.04, 2, 30, 40), 0.8126, SCORES, SCORES, "b", roll_deg=4.25)
    sink.write(None, Record(0, 0.5, 'a "b", c.png', ("a", "b"), (found,), {}))
    sink.write(None, Record(1, 1.5, "x.png", ("a", "b"), (), {}))
    head, first, second = csv.reader(io.StringIO(stream.getvalue()))
    assert head == [
        "source",
        "index",
        "time_s",
        "track",
        "x",
        "y",
        "width",
        "height",
        "confidence",
        "seen",
        "roll_deg",
        "state",
        "a",
        "b",
    ]
    assert first == [
        'a "b", c.png',
        "0",
        "0.5",
        "3",
        "1.0",
        "2.0",
        "30.0",
        "40.0",
        "0.813",
        "found",
        "4.2",
        "b",
        "0.25",
        "0.75",
    ]
    assert second == ["x.png", "1", "1.5", *[""] * 11]


def test_no_cell_is_a_formula_or_a_line_break():
    stream = io.StringIO()
    CsvLines(stream).write(None, Record(0, 0.0, "=cmd|'/c calc'!A1\n.png", ("+a", "b"), (), {}))
    head, row = csv.reader(io.StringIO(stream.getvalue()))
    assert head[-2] == "'+a"
    assert row[0] == r"'=cmd|'/c calc'!A1\n.png"
