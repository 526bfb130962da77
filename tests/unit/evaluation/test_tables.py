from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_fer.errors import BadInput
from edge_fer.evaluation.tables import columns, read_rows

CELLS = st.text(st.characters(blacklist_categories=("Cs", "Cc"))).map(str.lstrip)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.booleans(), st.booleans())
def test_what_another_program_wrote_is_read(tmp_path_factory, cells, marked, spaced):
    """With the byte-order mark of a spreadsheet, and the spaces of Kaggle's ``icml_face_data.csv``."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    between = ", " if spaced else ","
    quoted = (between.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [("path", "label"), *cells])
    path.write_text("".join(f"{line}\r\n" for line in quoted), encoding="utf-8-sig" if marked else "utf-8", newline="")
    assert columns(path) == ("path", "label")
    rows = list(read_rows(path, ("label", "path"), "answers"))
    assert [line for line, _ in rows] == list(range(2, len(cells) + 2))
    assert [tuple(row.values()) for _, row in rows] == cells


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_are_separated_by_what_the_first_line_has_most_of(tmp_path, separator):
    (tmp_path / "a.csv").write_text(f"Path{separator} LABEL {separator}other\na{separator}b,c;d{separator}e\n")
    if separator != "\t":
        (tmp_path / "a.csv").write_text(f'Path{separator}LABEL {separator}other\na{separator}"b,c;d"{separator}e\n')
    rows = list(read_rows(tmp_path / "a.csv", ("path",), "table", optional=("label",)))
    assert rows == [(2, {"path": "a", "label": "b,c;d", "other": "e"})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label,Label\na,b,c\n", "has two columns label; remove or rename one"),
        ("path,x,x\na,b,c\n", "has two columns x"),
        ("path,label\na,b\nc,0,5\n", "line 3: 3 cells for 2 columns; put quotes around"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(BadInput, match=message):
        list(read_rows(tmp_path / "a.csv", ("path",), "table", optional=("label",)))


def test_empty_cells_beyond_the_columns_are_none(tmp_path):
    (tmp_path / "a.csv").write_text("path,label\na,b,,\n")
    assert list(read_rows(tmp_path / "a.csv", ("path",), "table")) == [(2, {"path": "a", "label": "b"})]


def test_a_cell_that_is_not_there_is_empty(tmp_path):
    (tmp_path / "a.csv").write_text("path,label\nx\n")
    assert list(read_rows(tmp_path / "a.csv", ("path",), "table of answers")) == [(2, {"path": "x", "label": ""})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no table of answers: no column path; its columns are: none"),
        (b"\xff\xfe,b\n", "is no table of answers: no column path; its columns are: \ufffd\ufffd, b"),
        (",".join(f"pixel{n}" for n in range(2304)).encode(), "pixel10, pixel11 and 2292 more"),
        (b"path\n" + b"x" * csv.field_size_limit() * 2, "is no csv: field larger than field limit"),
    ],
    ids=["empty", "no text", "many columns", "an endless field"],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        list(read_rows(tmp_path / "a.csv", ("path",), "table of answers"))


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"a\.csv cannot be read: No such file"):
        columns(tmp_path / "a.csv")
