"""Every fault of a file of settings, each with its line, and what to do about it."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from edge_fer.appliance.config import PRINTED_LINE, Config
from edge_fer.appliance.config.explained import docstrings, model_of, tables
from edge_fer.appliance.config.lines import Path, is_comment, line_of, lines_of, statements
from edge_fer.errors import MAX_SHOWN, one_line
from edge_fer.sources.addresses import redact, scrub

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MOST_BROKEN_LINES: Final = 20
"""Lines that are no TOML which are told at most."""
AT: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
"""End of the messages of Python's parser."""
UNQUOTED: Final = re.compile(r"\s*[\w.-]+\s*=\s*(?!(?i:true|false|inf|nan)\b)[A-Za-z/@]")
"""A key with a word after it that stands in no quotation marks."""
FOLLOWING: Final = frozenset({"missing", "too_short"})
"""pydantic's kinds of errors that may be due to another one."""
KINDS: Final = {
    "string_type": "it must be text, in quotes",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "path_type": "it must be a path, in quotes",
    "dict_type": "it must be a table",
    "model_type": "it must be a table",
    "tuple_type": "it must be a list",
}
"""pydantic's kinds of errors in words that have nothing to do with Python."""


@dataclass(frozen=True)
class Fault:
    """One fault."""

    line: int | None
    """Line of the file, counted from 1; None where it has none."""
    key: str
    """What is wrong, as ``page.port``; empty where a line is no TOML at all."""
    problem: str
    """What is wrong with it, in one line."""
    meaning: str = ""
    """What may be set there."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as ``edge-fer config check --json`` prints it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it in one line, without the line's number."""
        return f"{self.key}: {self.problem}" if self.key else self.problem


def find(text: str) -> tuple[list[Fault], Config | None]:
    """Return all faults of the settings *text*, by line, and the settings if there are none."""
    broken, rest = _broken_lines(text)
    try:
        values = tomllib.loads(rest)
    except (ValueError, RecursionError):
        return broken, None
    lines = lines_of(rest)
    faults = broken + [_fault(error, lines) for error in _errors(values)]
    if faults:
        # Those without a line, about the whole file, come first.
        return sorted(dict.fromkeys(faults), key=lambda fault: fault.line or 0), None
    return [], Config.model_validate(values)


def _errors(values: dict[str, Any]) -> list[ErrorDetails]:
    """Return all that pydantic refuses in *values*, from which it is taken away.

    pydantic looks at how the fields of a table go together only once each is right by itself. A fault of the whole file
    is the last that is found: there is nothing to take away for it.
    """
    found: list[ErrorDetails] = []
    wrong: list[Path] = []
    while True:
        try:
            Config.model_validate(values)
        except ValidationError as exc:
            fresh = exc.errors(include_url=False)
        else:
            return found
        wrong += [error["loc"] for error in fresh if error["type"] not in FOLLOWING]
        took_away = False
        for error in fresh:
            path = error["loc"]
            # What lacks only that which was wrong in it, or was taken away, is no second fault.
            follows = error["type"] in FOLLOWING and any(other[: len(path)] == path for other in wrong)
            if not follows:
                found.append(error)
                wrong.append(path)
            took_away = _take_away(values, path) or took_away
        if not took_away:
            return found


def _take_away(values: dict[str, Any], path: tuple[str | int, ...]) -> bool:
    """Delete from *values* the innermost key of *path* that is there. Return whether there was any."""
    inner: Any = values
    place: tuple[dict[str, Any], str] | None = None
    for part in path:
        if isinstance(inner, dict) and part in inner:
            place = (inner, str(part))
        elif not (isinstance(inner, list) and isinstance(part, int) and part < len(inner)):
            break
        inner = inner[part]
    if place is None:
        return False
    del place[0][place[1]]
    return True


def _broken_lines(text: str) -> tuple[list[Fault], str]:
    """Return the lines of *text* that are no TOML, and *text* without them.

    What follows a value without an end cannot be told from the value, and what follows a header that cannot be used
    belongs to no table: both are left out, too.
    """
    rows = text.replace("\r\n", "\n").split("\n")
    faults: list[Fault] = []
    while len(faults) < MOST_BROKEN_LINES:
        try:
            tomllib.loads("\n".join(rows))
            break
        except RecursionError:
            return [*faults, Fault(None, "", "it has tables in tables in tables, more than anybody needs")], ""
        except ValueError as exc:
            stop, problem = _where_it_broke(exc, rows)
        begin = _beginning(rows, stop)
        if begin != stop:
            faults.append(Fault(begin, "", f"a value begins here and does not end: {problem}"))
            del rows[begin - 1 :]
        else:
            faults.append(Fault(begin, "", problem))
            _empty(rows, begin)
    return faults, "\n".join(rows)


def _where_it_broke(exc: ValueError, rows: list[str]) -> tuple[int, str]:
    """Return the line in which Python's parser has stopped, counted from 1, and why."""
    message = one_line(exc)
    at = AT.search(message)
    number = int(at[1]) if at is not None and at[1] is not None else len(rows)
    number = min(number, len(rows))
    problem = f"this is no TOML: {AT.sub('', message)}"
    if UNQUOTED.match(rows[number - 1]):
        problem += '; a text stands in quotation marks: key = "text"'
    return number, problem


def _beginning(rows: list[str], stop: int) -> int:
    """Return the line in which the statement begins that cannot be parsed at line *stop*."""
    covered: set[int] = set()
    for statement in statements("\n".join(rows[: stop - 1])):
        covered.update(range(statement.line, statement.line + statement.length))
    for number, row in enumerate(rows[: stop - 1], 1):
        if number not in covered and not is_comment(row):
            return number
    return stop


def _empty(rows: list[str], number: int) -> None:
    """Empty line *number* of *rows*; of a header also what belongs to its table."""
    is_header = rows[number - 1].lstrip().startswith("[")
    rows[number - 1] = ""
    while is_header and number < len(rows) and not rows[number].lstrip().startswith("["):
        rows[number] = ""
        number += 1


def _fault(error: ErrorDetails, lines: dict[Path, int]) -> Fault:
    path = tuple(part for part in error["loc"] if part != "[key]")
    model, name = _field(path)
    unknown = error["type"] == "extra_forbidden"
    problem = _unknown(model, path) if unknown else _problem(error)
    meaning = "" if unknown or model is None else docstrings(model).get(name, "")
    return Fault(line_of(path, lines), _shown(path), problem, meaning)


def _shown(path: Path) -> str:
    """Return *path* as it is written in TOML; the number of a table in an array counts from 1."""
    words = ""
    for part in path:
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part[:MAX_SHOWN]}"
    return words.lstrip(".")


def _field(path: Path) -> tuple[type[BaseModel] | None, str]:
    """Return the class of settings that *path* leads into, and the name of its field there."""
    model: type[BaseModel] | None = Config
    name = ""
    for part in path:
        if isinstance(part, int):
            continue
        if name and model is not None:
            field = model.model_fields.get(name)
            inner = None if field is None else model_of(field.annotation)
            if inner is None:
                break  # inside of a value, which belongs to the field
            model = inner
        name = part
    return model, name


def _problem(error: ErrorDetails) -> str:
    """Return in words what is wrong with a value, and the value, unless it may hold a secret."""
    kind = error["type"]
    if kind == "missing":
        return "it is missing"
    if kind == "too_short":
        return f"it needs at least {error['ctx']['min_length']}"
    if kind == "too_long":
        return f"it may have {error['ctx']['max_length']} at most"
    words = KINDS.get(kind)
    if words is None and kind == "string_pattern_mismatch" and error.get("ctx", {}).get("pattern") == PRINTED_LINE:
        words = "it must be one line of text, without control characters"
    if words is None:
        words = one_line(scrub(error["msg"].removeprefix("Value error, ")))
    value = error["input"]
    if isinstance(value, dict | list | tuple):
        return words
    shown = repr(redact(value) if isinstance(value, str) else value)
    return words if len(shown) > MAX_SHOWN or shown in words else f"{shown}: {words}"


def _unknown(model: type[BaseModel] | None, path: Path) -> str:
    """Return what may have been meant by a key that nobody knows."""
    name = str(path[-1])
    known = list(model.model_fields) if model is not None else []
    close = difflib.get_close_matches(name.lower(), known, 1, 0.6)
    if close:
        return f"there is no such key; did you mean {close[0]}?"
    elsewhere = [f"[{table}]" for table, settings in tables().items() if name in settings.model_fields]
    if name in Config.model_fields:
        elsewhere.insert(0, "the top of the file, before any table")
    if elsewhere:
        return f"there is no such key here; it belongs to {' or '.join(elsewhere)}"
    return "there is no such key; edge-fer config example shows those that there are"
