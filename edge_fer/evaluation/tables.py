"""Reads csv files that other programs wrote: spreadsheets, data sets, cloud services."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SHOWN: Final = 12
"""How many columns an error message lists; some files have one for each pixel."""


LONGEST: Final = 40
"""How many characters of a column's name an error message shows."""


def columns(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of the csv *path*. Raises `BadInput` when it cannot be read."""
    with _reader(path) as rows:
        return tuple(rows.fieldnames or ())


def read_rows(path: Path, needed: Sequence[str], kind: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells, column → text, of each row of the csv *path*.

    A missing cell is empty text. A byte-order mark (Excel writes one) and spaces after a comma (Kaggle's files have
    them) are skipped; bytes that are not UTF-8 are replaced.

    Raises `BadInput` when the file cannot be read, or lacks one of the *needed* columns and so is no *kind*, for
    instance "csv in FER2013's form".
    """
    with _reader(path) as rows:
        present = rows.fieldnames or ()
        missing = [name for name in needed if name not in present]
        if missing:
            raise BadInput(
                f"{path} is no {kind}: no column {', '.join(missing)}; its columns are: {_abridged(present)}"
            )
        for row in rows:
            yield rows.line_num, row


def _abridged(names: Sequence[str]) -> str:
    """Return the first `SHOWN` of *names*, and how many more there are."""
    if not names:
        return "none"
    text = ", ".join(_shown(name) for name in names[:SHOWN])
    if len(names) > SHOWN:
        text += f" and {len(names) - SHOWN} more"
    return text


def _shown(name: str) -> str:
    """Return *name* on one line, and no longer than a name would be: a file that is no csv may hold anything."""
    short = name[:LONGEST]
    return short if short.isprintable() else ascii(short)


@contextmanager
def _reader(path: Path) -> Iterator[csv.DictReader[str]]:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BadInput(f"{path} is no regular file; pass a csv file")  # a FIFO would be waited for, a device never ends
    try:
        # utf-8-sig drops a byte-order mark and reads files without one as well; newline="" leaves line ends within
        # quoted cells to the csv module.
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            yield csv.DictReader(file, restval="", skipinitialspace=True)
    except OSError as exc:
        raise BadInput(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except csv.Error as exc:
        raise BadInput(f"{path} is no csv: {exc}") from exc
