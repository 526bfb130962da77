"""All errors that edge-fer raises on purpose, in one tree.

Each message says what happened, with the value, then what to do. Most errors also inherit the builtin that a caller
would expect, so that ``except ValueError`` or ``except OSError`` catches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_fer.messages import first_words
from edge_fer.text import printable

if TYPE_CHECKING:
    from pydantic import ValidationError

MAX_SHOWN: Final = 60
"""Longest refused value, in characters, that a message shows."""


class EdgeFerError(Exception):
    """Base of all errors of edge-fer. The command line prints the message and exits with ``exit_code``."""

    exit_code = 1


class BadInput(EdgeFerError, ValueError):
    """A frame, a parameter or a file's content cannot be used."""

    exit_code = 3


class BadBundle(EdgeFerError, ValueError):
    """A bundle is damaged, unsafe, or of a version that this edge-fer does not read."""

    exit_code = 4


class GoldenMismatch(BadBundle):
    """A model does not compute on this machine what it computed on the workstation."""


class SourceError(EdgeFerError, OSError):
    """A source of frames cannot be opened, or has stopped delivering."""

    exit_code = 5


class SinkError(EdgeFerError, OSError):
    """A result cannot be written to the place that the user chose."""

    exit_code = 6


class OutletError(EdgeFerError, OSError):
    """A broker, a server or a player that events are sent to does not take them."""

    exit_code = 6


class BackendError(EdgeFerError, RuntimeError):
    """A runtime refused a model file or failed while executing it."""

    exit_code = 7


class MissingDependency(EdgeFerError, ImportError):
    """Something needed is not installed or cannot be loaded; the message says what helps."""

    exit_code = 8


class GateFailed(EdgeFerError):
    """A quantized model lost more than was allowed, or labelled faces contradict the labels that it was given."""

    exit_code = 9


class Regression(EdgeFerError):
    """What was measured is worse than its baseline allows."""

    exit_code = 10


class UnfitMachine(EdgeFerError):
    """Something on this machine keeps edge-fer from running, or from answering rightly."""

    exit_code = 11


class GaveUp(EdgeFerError):
    """A part of the service fails again and again; whoever runs the service should start it again later."""

    exit_code = 70


class Hangs(EdgeFerError):
    """A process hangs in the kernel, and only a restart of the machine ends it."""

    exit_code = 75


def one_line(reason: object) -> str:
    """Return the text of *reason*, an error or a message of another library, in one line, by its first words."""
    return printable(first_words(str(reason)))


def reason(exc: Exception) -> str:
    """Return in one line why a file cannot be used: pydantic's first fault, the system's words, or the message."""
    from pydantic import ValidationError  # imported already where one was raised

    if isinstance(exc, ValidationError):
        return first_fault(exc)
    return one_line(getattr(exc, "strerror", None) or exc)


def first_fault(exc: ValidationError) -> str:
    """Return pydantic's first error in one line: where, the value, what is wrong; then how many more there are."""
    # Without the URL of pydantic's documentation, which would not fit into a line.
    faults = exc.errors(include_url=False)
    first = faults[0]
    # A field that should not be there has the name that the file's author gave it.
    parts = [".".join(str(part)[:MAX_SHOWN] for part in first["loc"])]
    # Of a missing field, pydantic's input is the whole object around it.
    if first["type"] != "missing" and len(repr(first["input"])) <= MAX_SHOWN:
        parts.append(repr(first["input"]))
    subject = " ".join(filter(None, parts))
    said = "there is no such field" if first["type"] == "extra_forbidden" else first["msg"]
    message = f"{subject}: {said}" if subject else said
    more = len(faults) - 1
    if more == 0:
        return message
    return f"{message}, and {more} more {'value is' if more == 1 else 'values are'} wrong"
