"""Every error that edge-fer raises on purpose, in one tree.

Each message says what happened, with the value, then what to do. Most errors also inherit the builtin that a caller
would expect, so ``except ValueError`` and ``except FileNotFoundError`` work as one hopes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import ValidationError

SHOWN: Final = 60
"""Length up to which a value that was refused is shown in a message."""


class EdgeFerError(Exception):
    """Base of all errors of edge-fer. The command line prints it as one line and leaves with ``exit_code``."""

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
    """A result cannot be written where it was asked for."""

    exit_code = 6


class BackendError(EdgeFerError, RuntimeError):
    """A runtime refused a model file or failed while executing it."""

    exit_code = 7


class MissingDependency(EdgeFerError, ImportError):
    """Something that is not installed is needed; the message ends with the command that installs it."""

    exit_code = 8


class GateFailed(EdgeFerError):
    """A quantized model lost more than was allowed."""

    exit_code = 9


class Regression(EdgeFerError):
    """What was measured is worse than its baseline allows."""

    exit_code = 10


def first_fault(exc: ValidationError) -> str:
    """Return in one line what pydantic found first: where, the value, what is wrong with it; and how much more."""
    faults = exc.errors(include_url=False)
    first = faults[0]
    where = ".".join(str(part) for part in first["loc"])
    value = repr(first["input"])
    told = " ".join(filter(None, (where, value if len(value) <= SHOWN and first["type"] != "missing" else "")))
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{told}: {first['msg']}{more}" if told else f"{first['msg']}{more}"
