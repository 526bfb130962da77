"""Where results go. One Protocol. Nothing that shows a person is written unless it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edge_fer.records import Record
    from edge_fer.sources import Frame


class Sink(Protocol):
    """Takes each frame's record."""

    def write(self, frame: Frame, record: Record) -> None:
        """Take *record*, and *frame*, which may change afterwards. Raises `SinkError`."""
        ...

    def close(self) -> None:
        """Finish what was begun. Closing twice is allowed."""
        ...
