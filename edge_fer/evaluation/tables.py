"""Reads csv files that other programs wrote: spreadsheets, data sets, cloud services."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput, one_line
from edge_fer.files import open_regular
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

SHOWN: Final = 12
"""How many columns an error message lists; some files have one for each pixel."""
DELIMITERS: Final = (",", ";", "\t")
"""What separates cells; a semicolon where the decimal point is a comma."""
HEADER: Final = 1 << 16
"""How many characters of the first line tell what separates cells; a file that is no csv may have no second line."""
LONGEST: Final = 40
"""How many characters of a column's name an error message shows: a file that is no csv may hold anything."""


def columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of the csv *path*. Raises `BadInput` when it cannot be read."""
    with _reader(path) as rows:
        return tuple(rows.fieldnames or ())


def has_columns(path: Path, names: Iterable[str]) -> bool:
    """Return whether the csv *path* has the columns *names*, in any capitals. Raises `BadInput` as `columns`."""
    return {plain(name) for name in names} <= {plain(column) for column in columns(path)}


def plain(name: str) -> str:
    """Return what the name of a column is compared by: itself, without capitals and spaces around it."""
    return name.strip().casefold()


def read_rows(
    path: Path,
    needed: Sequence[str],
    kind: str,
    optional: Sequence[str] = (),
    key: Callable[[str], str] = plain,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells, column → text, of each row of the csv *path*.

    Commas, semicolons or tabs separate the cells, whichever the first line has most of. Columns that are *needed* or
    *optional* are found by their *key* and come under the name that is asked for, the others under their own. A missing
    cell is empty text. A byte-order mark (Excel writes one) and spaces after a comma (Kaggle's files have them) are
    skipped; bytes that are not UTF-8 are replaced.

    Raises `BadInput` when the file cannot be read, lacks one of the *needed* columns and so is no *kind*, for instance
    "csv in FER2013's form", has a column twice, or a row with more cells than columns.
    """
    with _reader(path) as rows:
        present = rows.fieldnames or ()
        asked = {key(name): name for name in (*needed, *optional)}
        names = [asked.get(key(name), name.strip()) for name in present]
        missing = [name for name in needed if name not in names]
        if missing:
            raise BadInput(
                f"{path} is no {kind}: no column {', '.join(missing)}; its columns are: {_abridged(present)}"
            )
        _refuse_twice(path, names)
        rows.fieldnames = names
        for row in rows:
            # DictReader keeps the cells that no column is there for under None.
            beyond = row.pop(None, ())
            if any(beyond):
                raise BadInput(
                    f"{path}, line {rows.line_num}: {len(names) + len(beyond)} cells for "
                    f"{counted(len(names), 'column')}; put quotes around a cell that has commas in it"
                )
            yield rows.line_num, row


def _refuse_twice(path: Path, names: Sequence[str]) -> None:
    seen = set()
    for name in filter(None, names):
        if name in seen:
            raise BadInput(f"{path} has two columns {one_line(name[:LONGEST])}; remove or rename one")
        seen.add(name)


def _abridged(names: Sequence[str]) -> str:
    """Return the first `SHOWN` of *names*, and how many more there are."""
    if not names:
        return "none"
    text = ", ".join(one_line(name[:LONGEST]) for name in names[:SHOWN])
    if len(names) > SHOWN:
        text += f" and {len(names) - SHOWN} more"
    return text


def _delimiter(header: str) -> str:
    """Return what separates the cells of the line *header*: a comma where there are no more of another."""
    return max(DELIMITERS, key=header.count)


@contextmanager
def _reader(path: Path) -> Iterator[csv.DictReader[str]]:
    try:
        # utf-8-sig drops a byte-order mark and reads files without one as well; newline="" leaves line ends within
        # quoted cells to the csv module.
        with open_regular(path) as raw, TextIOWrapper(raw, "utf-8-sig", "replace", newline="") as file:
            delimiter = _delimiter(file.readline(HEADER))
            file.seek(0)
            yield csv.DictReader(file, restval="", skipinitialspace=True, delimiter=delimiter)
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except csv.Error as exc:
        raise BadInput(f"{path} is no csv: {exc}") from exc
