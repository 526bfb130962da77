from __future__ import annotations

import csv
import io
import json
from datetime import UTC, timedelta, timezone

import pytest

from edge_fer.appliance.event import Kind
from edge_fer.appliance.events import export, sentences
from edge_fer.errors import SinkError


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv_comes_back_as_it_was(event):
    told = event(1, subject='a "quoted", name', detail={"words": 'one\r\ntwo, "three"', "n": 1})
    text = export.csv_head() + export.as_csv(7, told)
    assert text.endswith("\r\n")
    head, row = read(text)
    assert head == ["id", "time", "kind", "subject", "before", "after", "detail"]
    assert row[:6] == ["7", "2026-11-30T12:00:01.000+00:00", "face", 'a "quoted", name', "", "unknown"]
    assert json.loads(row[6]) == told.detail


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=cmd|"/c calc"!A1'])
def test_a_spreadsheet_takes_no_text_for_a_formula(event, text):
    (row,) = read(export.as_csv(1, event(1, subject=text, before=text, after=text)))
    assert row[3:6] == [f"'{text}"] * 3
    assert json.loads(export.as_json(1, event(1, subject=text)))["subject"] == text


def test_json_is_one_line_for_an_event(event):
    text = export.as_json(7, event(1, subject="a\nb", detail={"words": "Grüße"}))
    assert text.count("\n") == 1
    assert json.loads(text) == {"id": 7, **event(1, subject="a\nb", detail={"words": "Grüße"}).as_dict()}


def test_parquet_comes_back_as_it_was(event, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install 'edge-fer[parquet]'")
    monkeypatch.setattr(export, "ROWS", 2)
    events = [(number, event(number, detail={"n": number}, before=None)) for number in range(1, 6)]
    path = tmp_path / "events.parquet"
    assert export.write_parquet(path, events) == 5
    rows = parquet.read_table(path).to_pylist()
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["time"] == event(1).time
    assert (rows[0]["kind"], rows[0]["before"], rows[0]["after"]) == ("face", None, "unknown")
    assert json.loads(rows[4]["detail"]) == {"n": 5}
    assert list(rows[0]) == list(export.COLUMNS)


def test_no_event_makes_a_parquet_file_with_columns(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install 'edge-fer[parquet]'")
    assert export.write_parquet(tmp_path / "events.parquet", []) == 0
    assert parquet.read_table(tmp_path / "events.parquet").column_names == list(export.COLUMNS)


def test_a_parquet_file_that_cannot_be_written_is_a_sink_error(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'edge-fer[parquet]'")
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        export.write_parquet(tmp_path / "file" / "events.parquet", [])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "face    track 1       came, unknown"),
        ({"before": "unknown", "after": "happy"}, "face    track 1       unknown → happy"),
        (
            {
                "before": "happy",
                "after": None,
                "detail": {"stayed_s": 12.34, "states_s": {"unknown": 2, "happy": 10.3}},
            },
            "face    track 1       went after 12.3 s: happy 10.3 s, unknown 2.0 s",
        ),
        ({"before": "happy", "after": None, "detail": {"shortened": "x"}}, "face    track 1       went after 0.0 s"),
        (
            {
                "kind": Kind.HEALTH,
                "subject": "mqtt",
                "before": "works",
                "after": "fails",
                "detail": {"fault": "no route"},
            },
            "health  mqtt          works → fails  (fault: no route)",
        ),
        ({"subject": "a\x1b[31m\nb", "after": "c"}, r"face    a\x1b[31m\nb      came, c"),
    ],
)
def test_events_in_words(event, values, words):
    assert sentences.line(event(1, **values), UTC) == f"2026-11-30 12:00:01  {words}"


def test_the_table_has_the_time_of_the_place(event):
    assert sentences.line(event(1), timezone(timedelta(hours=5, minutes=45))).startswith("2026-11-30 17:45:01")
