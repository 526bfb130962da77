"""What the service is asked by signals: SIGTERM and Ctrl-C end it, SIGHUP lets it read its settings again."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import FrameType

ENDING: Final = (signal.SIGTERM, signal.SIGINT)


class Requests:
    """While it is entered, in the main thread, signals are noted, and nothing is interrupted."""

    def __init__(self) -> None:
        self.end: int | None = None
        """The signal that asked for the end."""
        self.reload = False
        """Whether the settings are to be read again."""
        self.came = threading.Event()
        """Set when something was asked."""
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in (*ENDING, signal.SIGHUP):
                self._previous[number] = signal.signal(number, self._come)
        return self

    def __exit__(self, *exc: object) -> None:
        """Give them back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def take_reload(self) -> bool:
        """Return whether the settings are to be read again, once for each request."""
        asked = self.reload
        self.reload = False
        return asked

    def _come(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGHUP:
            self.reload = True
        else:
            self.end = number
        self.came.set()
