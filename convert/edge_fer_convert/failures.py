"""What could not be made: one line for the terminal, the tool's whole message for the report and for ``--debug``."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from edge_fer.errors import EdgeFerError, one_line
from edge_fer.messages import LEFT_OUT

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A target, or one variant of it, that a tool could not make or a runtime did not take."""

    what: str
    """The target or variant."""
    error: Exception

    def __post_init__(self) -> None:
        """Show the whole error at once to whoever wants to see it."""
        log.debug("%s: all that was said", self.what, exc_info=self.error)

    @property
    def reason(self) -> str:
        """The error in one line, with its class where it is none of our own: the message of a KeyError is a key."""
        if isinstance(self.error, EdgeFerError):
            return str(self.error)
        return f"{type(self.error).__name__}: {one_line(self.error)}"

    @property
    def line(self) -> str:
        """What could not be made, and why; and where the rest of the message is, if it has more."""
        more = " (the report has all of it)" if LEFT_OUT in self.reason else ""
        return f"{self.what}: {self.reason}{more}"

    @property
    def text(self) -> str:
        """The whole message, and those of the errors that it came from."""
        return whole_text(self.error)


def whole_text(error: BaseException | None) -> str:
    """Return the whole message of *error*, and those of the errors that it came from."""
    texts: list[str] = []
    while error is not None:
        text = str(error).strip()
        # Our own message quotes the first words of the tool's, which then follows in full.
        if text and text not in texts:
            texts.append(text)
        error = error.__cause__
    return "\n\n".join(texts)
