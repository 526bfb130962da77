"""Tables of other programs: csv, as spreadsheets and data sets have it."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SHOWN: Final = 12
"""Columns that a message names: some tables have one a pixel."""


def columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of the csv *path*. Raises `BadInput` for what is none."""
    with _reader(path) as rows:
        return tuple(rows.fieldnames or ())


def read_rows(path: Path, needed: Sequence[str], meant: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of the csv *path*, each with its line: column → cell; cells that are not there are empty.

    A byte-order mark (Excel's) and spaces after a comma (Kaggle's) are passed over, what is no UTF-8 is replaced.
    Raises `BadInput` for what cannot be read, or is not what is *meant*: it lacks a column that is *needed*.
    """
    with _reader(path) as rows:
        found = rows.fieldnames or ()
        missing = [name for name in needed if name not in found]
        if missing:
            known = ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
            raise BadInput(f"{path} is no {meant}: no column {', '.join(missing)}; its columns are: {known or 'none'}")
        for row in rows:
            yield rows.line_num, row


@contextmanager
def _reader(path: Path) -> Iterator[csv.DictReader[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            yield csv.DictReader(file, restval="", skipinitialspace=True)
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except csv.Error as exc:
        raise BadInput(f"{path} is no csv: {exc}") from exc
