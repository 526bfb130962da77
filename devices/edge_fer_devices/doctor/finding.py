"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """edge-fer runs, but slower, or not for long, or without something."""
    FAULT = "fault"
    """edge-fer does not run, or its answers cannot be trusted."""


@dataclass(frozen=True)
class Finding:
    """The answer of one check."""

    level: Level
    says: str
    """What was seen, with the value."""
    remedy: tuple[str, ...] = ()
    """Lines to paste into a shell; what a person must do by hand stands behind a ``#``."""


def ok(says: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, says)


def warning(says: str, *remedy: str) -> Finding:
    """Return a `Level.WARNING` with the lines of its remedy."""
    return Finding(Level.WARNING, says, remedy)


def fault(says: str, *remedy: str) -> Finding:
    """Return a `Level.FAULT` with the lines of its remedy."""
    return Finding(Level.FAULT, says, remedy)
