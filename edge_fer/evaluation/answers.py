"""Reads the answers of another program, a cloud service or a desktop program, from a csv."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_fer.emotions import WORDS, find, meaning
from edge_fer.errors import BadInput
from edge_fer.evaluation.conditions import ORIGINAL, SWEEPS
from edge_fer.evaluation.probabilities import as_probabilities
from edge_fer.evaluation.tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

OWN_COLUMNS: Final = ("path", "condition", "image", "label")
"""The columns of ``edge-fer eval --export``; all others may hold scores."""
TRUTH: Final = frozenset({"truth", "true", "actual", "target", "gt", "expected"})
"""Words in the name of a column that holds the faces' own labels, beside the answers."""
CONDITIONS: Final = (ORIGINAL, *(condition for sweep in SWEEPS.values() for condition in sweep))


@dataclass(frozen=True)
class Answer:
    """A row of the csv."""

    line: int
    path: str
    cells: dict[str, str]
    """Column → text."""


class AnswerTable:
    """Answers about faces, found by their paths.

    The csv has a column ``path``, with the paths of the faces, and either a column ``label`` or a column of scores for
    each class. A column ``condition`` names the condition of each answer; without it, all are of the original faces.
    Raises `BadInput` for a file that is no such csv.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: tuple[str, ...] = ()
        self._answers: dict[str, list[Answer]] = {}
        kind = "table of answers (path, and label or a column for each label)"
        for line, row in read_rows(path, ("path",), kind, optional=OWN_COLUMNS[1:]):
            self._columns = tuple(row)
            condition = self._condition(line, row.get("condition", ""))
            self._answers.setdefault(condition, []).append(Answer(line, row["path"], row))

    @property
    def conditions(self) -> set[str]:
        """Return the names of the conditions that there are answers under."""
        return set(self._answers)

    def scores(self, paths: Sequence[str], names: tuple[str, ...], condition: str) -> NDArray[np.float64]:
        """Return ``(n, classes)`` scores of the faces at *paths*, with the classes *names*.

        A label is a row of one 1. Raises `BadInput` for a missing or an unusable answer.
        """
        columns = self._score_columns(names)
        answers = self._of_faces(paths, condition, ("label", *columns.values()))
        missing = [name for name in names if meaning(name) not in columns]
        # Where a file has scores and a label, the scores: they give average precision and calibration, too.
        if not missing:
            return self._graded(answers, columns, names)
        if len(missing) < len(names) and not any(answer.cells.get("label") for answer in answers):
            raise BadInput(
                f"{self._path} has scores of {', '.join(columns.values())}, but none of {', '.join(missing)}; add the "
                "missing columns, with 0 for a class that the program does not know"
            )
        self._refuse_second_answer(answers, names)
        return self._labelled(answers, names)

    def _refuse_second_answer(self, answers: list[Answer], names: tuple[str, ...]) -> None:
        """Raise `BadInput` where another column may be the answers, and ``label`` the faces' own labels."""
        classes = {*WORDS, *map(meaning, names)}
        own = [meaning(answer.cells.get("label", "")) for answer in answers]
        for column in self._columns if "label" in self._columns else ():
            if column in OWN_COLUMNS or meaning(column) in classes:
                continue
            cells = [answer.cells[column] for answer in answers]
            if _may_be_scores(column, cells, classes) or _may_be_labels(column, cells, classes, own):
                raise BadInput(
                    f"{self._path} has label and {column[:40]!r}, and both may be the answers; remove what is none "
                    "of the program's, and call its labels label, or its scores as the classes"
                )

    def _condition(self, line: int, cell: str) -> str:
        # Without the column, or with an empty cell in it, as people leave it who fill a table by hand.
        name = cell.strip().casefold() or ORIGINAL.name
        known = [condition.name for condition in CONDITIONS]
        if name not in known:
            raise BadInput(f"{self._path}, line {line}: no condition {cell[:40]!r}; there are: {', '.join(known)}")
        return name

    def _of_faces(self, paths: Sequence[str], condition: str, columns: Sequence[str]) -> list[Answer]:
        """Return the answer about each of *paths*.

        Raises `BadInput` where there is none, or two that differ in any of *columns*.
        """
        places = _Places(paths)
        found: dict[int, Answer] = {}
        rows = self._answers.get(condition, [])
        for answer in rows:
            position = places.find(answer.path)
            if position is None:
                continue
            first = found.setdefault(position, answer)
            if not all(_same(first.cells.get(column), answer.cells.get(column)) for column in columns):
                raise BadInput(
                    f"{self._path}, line {answer.line}: another answer for {paths[position]} than in line "
                    f"{first.line}; remove one of them"
                )
        for position, path in enumerate(paths):
            if position not in found:
                example = f"{len(rows)} others, {rows[0].path[:80]!r} for example" if rows else "no others"
                raise BadInput(
                    f"{self._path} has no row for {path} ({condition}), only {example}: its column path should be that "
                    "of edge-fer eval --export"
                )
        return [found[position] for position in range(len(paths))]

    def _score_columns(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return what each column of scores means → the column. Raises `BadInput` for two columns of one class."""
        classes = {*WORDS, *map(meaning, names)}
        columns: dict[str, str] = {}
        for column in self._columns:
            if column in OWN_COLUMNS or meaning(column) not in classes:
                continue
            first = columns.setdefault(meaning(column), column)
            if first != column:
                raise BadInput(f"{self._path} has the columns {first} and {column} for one class; remove one")
        return columns

    def _graded(self, answers: list[Answer], columns: dict[str, str], names: tuple[str, ...]) -> NDArray[np.float64]:
        # With the columns of emotions that no face has, contempt for example: they are part of the sum.
        numbers = [[self._number(answer, column) for column in columns.values()] for answer in answers]

        def place(row: int) -> str:
            return f"{self._path}, line {answers[row].line}"

        scores = as_probabilities(np.array(numbers), place)
        order = list(columns)
        return scores[:, [order.index(meaning(name)) for name in names]]

    def _number(self, answer: Answer, column: str) -> float:
        number = _number(answer.cells[column])
        if number is None:
            raise BadInput(
                f"{self._path}, line {answer.line}: the scores of {answer.path} are not numbers: {column} is "
                f"{answer.cells[column][:40]!r}"
            )
        return number

    def _labelled(self, answers: list[Answer], names: tuple[str, ...]) -> NDArray[np.float64]:
        scores = np.zeros((len(answers), len(names)))
        for row, answer in zip(scores, answers, strict=True):
            label = answer.cells.get("label")
            position = None if label is None else find(label, names)
            if position is None:
                shown = "no label" if label is None else f"label {label[:40]!r}"
                raise BadInput(
                    f"{self._path}, line {answer.line}, has {shown} for {answer.path}; it should be one of: "
                    f"{', '.join(names)}"
                )
            row[position] = 1
        return scores


class _Places:
    """The positions of faces by their paths, as other programs may write them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._exact = {path: position for position, path in enumerate(paths)}
        self._folded: dict[str, int | None] = {}
        for position, path in enumerate(paths):
            # Two faces whose paths differ in capitals only are found by their exact paths alone.
            self._folded[path.casefold()] = None if path.casefold() in self._folded else position

    def find(self, path: str) -> int | None:
        """Return the position of the face at *path*: absolute or relative, of Windows or not, in any capitals."""
        parts = path.strip().replace("\\", "/").split("/")
        # From the longest: the folders that the program was run with stand before the face's own path.
        endings = ["/".join(parts[start:]) for start in range(len(parts))]
        for ending in (path, *endings):
            if ending in self._exact:
                return self._exact[ending]
        for ending in endings:
            position = self._folded.get(ending.casefold())
            if position is not None:
                return position
        return None


def _may_be_scores(column: str, cells: list[str], classes: set[str]) -> bool:
    """Return whether *column* names a class among other words, as ``prob_angry`` does, and has numbers."""
    is_of_class = not classes.isdisjoint(map(meaning, _words(column)))
    return is_of_class and all(_number(cell) is not None for cell in cells)


def _may_be_labels(column: str, cells: list[str], classes: set[str], own: list[str]) -> bool:
    """Return whether *column* has classes, others than *own*, and does not say that they are those of the faces."""
    meant = [meaning(cell) for cell in cells]
    return meant != own and any(meant) and set(meant) <= {"", *classes} and TRUTH.isdisjoint(_words(column))


def _words(column: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", column.casefold())


def _number(cell: str) -> float | None:
    """Return the number in *cell*, with a point or a comma before its decimals; None where there is none."""
    text = cell.strip().removesuffix("%").replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None


def _same(cell: str | None, other: str | None) -> bool:
    if cell is None or other is None or cell.strip() == other.strip():
        return True
    numbers = (_number(cell), _number(other))
    return None not in numbers and numbers[0] == numbers[1]
