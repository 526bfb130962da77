"""Events for other programs: CSV, JSON Lines, Parquet. The names of the columns are a stable format."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from edge_fer import files
from edge_fer.dependencies import require
from edge_fer.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from edge_fer.appliance.event import Event

COLUMNS: Final = ("id", "time", "kind", "subject", "before", "after", "detail")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula (OWASP, CSV injection)."""
ROWS: Final = 10_000
"""Rows in a group of a Parquet file, which are held in memory."""


def csv_head() -> str:
    """Return the first line of CSV as RFC 4180 has it, with its end."""
    return _csv_line(COLUMNS)


def as_csv(number: int, event: Event) -> str:
    """Return one line of CSV, with its end. The detail is one cell of JSON; None is an empty cell.

    A text that a spreadsheet would take for a formula gets an apostrophe in front. JSON and Parquet have it as it is.
    """
    values = event.as_dict()
    detail = json.dumps(values["detail"], ensure_ascii=False, separators=(",", ":"))
    texts = [_harmless(values[name]) for name in ("kind", "subject", "before", "after")]
    return _csv_line((number, values["time"], *texts, detail))


def as_json(number: int, event: Event) -> str:
    """Return one line of JSON, with its end."""
    return json.dumps({"id": number, **event.as_dict()}, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_parquet(path: Path, events: Iterable[tuple[int, Event]]) -> int:
    """Write *events* with their ids to *path*, completely or not at all. Return how many there were.

    The detail is a text of JSON. Raises `MissingDependency` without pyarrow, `SinkError` if *path* cannot be written.
    """
    require(("pyarrow",), "parquet", "Parquet")
    import pyarrow as pa
    from pyarrow import parquet

    text = pa.dictionary(pa.int32(), pa.string())
    types = [pa.int64(), pa.timestamp("ms", tz="UTC"), text, text, text, text, pa.string()]
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    count = 0
    try:
        with files.replacing(path) as beside, parquet.ParquetWriter(beside, schema, compression="zstd") as writer:
            for rows in _batches(events):
                writer.write_table(pa.Table.from_pylist(rows, schema))
                count += len(rows)
    except OSError as exc:
        raise SinkError(f"{path} cannot be written: {exc.strerror or exc}; make room, or choose another path") from exc
    return count


def _batches(events: Iterable[tuple[int, Event]]) -> Iterable[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for number, event in events:
        detail = json.dumps(event.detail, ensure_ascii=False, separators=(",", ":"))
        rows.append({"id": number, **event.as_dict(), "time": event.time, "detail": detail})
        if len(rows) == ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


def _harmless(text: str | None) -> str | None:
    return f"'{text}" if text is not None and text.startswith(FORMULA) else text


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
