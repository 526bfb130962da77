"""How a command is stopped from outside: SIGTERM and SIGHUP end it as Ctrl-C does."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ECHO_S: Final = 1.0
"""A signal that comes again within this time is no second request: shells and `timeout` send one to the process and to
its group."""


class Stopped(KeyboardInterrupt):
    """The command was asked to end. A `KeyboardInterrupt`, so that what cleans up after Ctrl-C does so here."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        """The signal."""

    @property
    def exit_code(self) -> int:
        """128 + the signal, as shells have it: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + self.number

    def __str__(self) -> str:
        """Return what happened, for the user."""
        return "interrupted" if self.number == signal.SIGINT else f"ended by {signal.Signals(self.number).name}"


class Signals:
    """While it is entered, SIGINT, SIGTERM and SIGHUP raise `Stopped` in the main thread.

    A second one, more than `ECHO_S` after the first, ends the process at once. A signal that is ignored, as SIGHUP is
    under nohup, stays ignored. In another thread than the main one, it does nothing.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that came, None so far."""
        self._previous: dict[int, Any] = {}
        self._held = False
        self._came_s = 0.0

    def __enter__(self) -> Self:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._come)
        return self

    def __exit__(self, *exc: object) -> None:
        """Give them back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no signal interrupt what is inside, such as writing a file: `Stopped` is raised at its end."""
        before = self.number
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self.number != before:
            self.check()

    def check(self) -> None:
        """Raise `Stopped` if a signal has come. Foreign code, such as a window's, may have lost what it raised."""
        if self.number is not None:
            raise Stopped(self.number)

    def _come(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.number is None:
            self.number = number
            self._came_s = time.monotonic()
            if not self._held:
                raise Stopped(number)
        elif time.monotonic() - self._came_s > ECHO_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
