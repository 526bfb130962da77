"""Where results go: the `Sink` protocol. A sink that shows people exists only because somebody asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from edge_fer.records import Record
    from edge_fer.sources import Frame


class SinkClosed(Exception):
    """The user closed a sink, such as the preview window. It ends the run and is no error."""


class Sink(Protocol):
    """Takes each frame's record."""

    def write(self, frame: Frame, record: Record) -> None:
        """Take *record*, and *frame*, whose pixels may change afterwards.

        Raises `SinkError` if the result cannot be written, `SinkClosed` if the user closed the sink.
        """
        ...

    def close(self) -> None:
        """Finish what was begun. Closing twice is allowed."""
        ...


@runtime_checkable
class Saves(Protocol):
    """A sink that leaves files."""

    def saved(self) -> str:
        """Return in words what was written and where; nothing before there is something."""
        ...
