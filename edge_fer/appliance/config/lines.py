"""In which line of a TOML file each key stands, which Python's parser does not tell.

The file is taken apart into statements, each the fewest lines that the parser accepts; what a statement sets, the
parser itself says. So no rule of TOML is written here a second time but one: a statement ends at the end of a line.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BUDGET: Final = 1 << 20
"""Characters of values of several lines that are parsed at most: such a value is tried at every line that may be its
last. Keys with further such values then have no line."""

OPENING: Final = ("[", '"""', "'''")
"""What stands in the first line of a value that has several."""
CLOSING: Final = ("]", '"""', "'''")
"""What stands in its last line."""

Path = tuple[str | int, ...]
"""Keys, and numbers in arrays, from the file's top: ``("webhook", 1, "url")``."""


@dataclass(frozen=True)
class Statement:
    """A header of a table, or a key with its value."""

    line: int
    """Where it begins, counted from 1."""
    length: int
    """Its lines."""
    is_header: bool
    content: dict[str, Any]
    """As parsed; a header has an empty table in the place of a value."""


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, in which each key and each table of *text* begins.

    What cannot be parsed is left out. An array of tables has the line of its first table.
    """
    found: dict[Path, int] = {}
    tables = _Tables()
    for statement in statements(text):
        for path in tables.paths(statement):
            found.setdefault(path, statement.line)
    return found


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """Return the line of *path* in *lines* of `lines_of`, else of the nearest table around it."""
    for length in range(len(path), 0, -1):
        line = lines.get(path[:length])
        if line is not None:
            return line
    return None


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of *text*; those that cannot be parsed are passed over."""
    rows = text.replace("\r\n", "\n").split("\n")
    budget = _Budget(BUDGET)
    start = 0
    while start < len(rows):
        length, content = 1, None
        if not is_comment(rows[start]):
            length, content = _first(rows, start, budget)
        if content is not None:
            yield Statement(start + 1, length, rows[start].lstrip().startswith("["), content)
        start += length


def is_comment(row: str) -> bool:
    """Return whether *row*, a line outside of values, sets nothing."""
    stripped = row.strip()
    return not stripped or stripped.startswith("#")


class _Budget:
    """Characters of values of several lines that may still be parsed."""

    def __init__(self, characters: int) -> None:
        self.left = characters


def _first(rows: list[str], start: int, budget: _Budget) -> tuple[int, dict[str, Any] | None]:
    """Return the number of lines of the statement that begins at *start*, and its content; None if it has no end."""
    first = rows[start]
    ends = [start + 1]
    if not first.lstrip().startswith("[") and any(mark in first for mark in OPENING):
        ends += [number + 1 for number in range(start + 1, len(rows)) if any(mark in rows[number] for mark in CLOSING)]
    for end in ends:
        candidate = "\n".join(rows[start:end])
        if end > start + 1:
            budget.left -= len(candidate)
            if budget.left < 0:
                break
        try:
            return end - start, tomllib.loads(candidate)
        except (ValueError, RecursionError):
            pass  # perhaps with more lines
    return 1, None


class _Tables:
    """The table that the next statement belongs to."""

    def __init__(self) -> None:
        self._path: Path = ()
        self._counts: dict[Path, int] = {}
        """Tables so far of each array."""

    def paths(self, statement: Statement) -> list[Path]:
        """Return the paths that begin with *statement*; a header leads to another table."""
        return self._enter(statement.content) if statement.is_header else list(_inside(statement.content, self._path))

    def _enter(self, header: dict[str, Any]) -> list[Path]:
        path: Path = ()
        begun = []
        value: Any = header
        while isinstance(value, dict) and value:
            key, value = next(iter(value.items()))
            path = (*path, key)
            begun.append(path)
            if isinstance(value, list):
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
                begun.append(path)
        self._path = path
        return begun


def _inside(value: Any, path: Path) -> Iterator[Path]:
    """Yield the paths of all that *value* holds, below *path*."""
    if isinstance(value, dict):
        parts: Any = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    else:
        return
    for key, inner in parts:
        yield (*path, key)
        yield from _inside(inner, (*path, key))
