"""Progress of long work for a person at a terminal: one live line on stderr, and messages that stay.

The live line is rich's bar. Without rich, it is the step with its share in percent.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from rich.table import Table
    from rich.text import Text

CLEAR: Final = "\r\x1b[K"
"""Moves to the start of a terminal's line and empties it."""
STDERR: Final = 2
"""Descriptor of stderr, which C++ libraries write to without Python."""
TABLE_WIDTH: Final = 200
"""Width of a table, in characters, where stdout is no terminal."""


class ProgressListener:
    """Receives the progress of long work. This one ignores it."""

    def step(self, message: str, share: float = 0.0) -> None:
        """Receive the name of the step that is running, and which *share* of it, in [0, 1], is done."""

    def tell(self, message: str) -> None:
        """Receive a result that the user may want to read later."""

    def warn(self, message: str) -> None:
        """Receive a warning."""


class ProgressDisplay(ProgressListener):
    """Shows progress on stderr. A context manager.

    With *quiet*, what C++ libraries write to stderr in the meantime is discarded.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._last_step = ""
        self._bar: Any = None
        self._is_terminal = False
        self._line = ""

    def __enter__(self) -> Self:
        """Start the display."""
        with ExitStack() as stack:
            self._stream = stack.enter_context(_message_stream(self._quiet))
            # A log file or a pipe gets plain lines: nothing there can be moved or removed.
            self._is_terminal = self._stream.isatty()
            if self._is_terminal:
                self._bar = _live_line(self._stream)
            if self._is_terminal and self._bar is None:
                stack.callback(self._rewrite, "")
            if self._bar is not None:
                stack.callback(self._bar.stop)
            self._undo = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        """Remove the live line and restore stderr."""
        self._undo.close()

    def step(self, message: str, share: float = 0.0) -> None:
        """Show the running step; without a terminal, print a line for each new step."""
        message = printable(message)
        if self._bar is not None:
            total = 1.0 if share else None  # a bar without a total only pulses
            self._bar.update(self._bar.task_ids[0], description=message, completed=share, total=total)
        elif self._is_terminal:
            self._rewrite(f"{message} {share:.0%}" if share else message)
        elif message != self._last_step:
            self._print(message)
        self._last_step = message

    def tell(self, message: str) -> None:
        """Print a line that stays."""
        self._print(message)

    def warn(self, message: str) -> None:
        """Print a warning that stays."""
        self._print(f"warning: {message}", style="yellow")

    def _print(self, message: str, style: str | None = None) -> None:
        message = printable(message)
        if self._bar is not None:
            # Through rich's console, which moves the live line below the message. Messages are plain text: without
            # markup=False, rich would take a name in square brackets for a style.
            self._bar.console.print(message, style=style, highlight=False, soft_wrap=True, markup=False)
        else:
            self._rewrite("")
            self._stream.write(f"{message}\n")
            self._stream.flush()

    def _rewrite(self, line: str) -> None:
        """Let *line* stand in the place of the live line; an empty one removes it."""
        # A line that wraps could not be emptied.
        line = line[: shutil.get_terminal_size().columns - 1]
        if line != self._line:
            self._stream.write(CLEAR + line)
            self._stream.flush()
            self._line = line


def _message_stream(quiet: bool) -> AbstractContextManager[TextIO]:
    # Python starts without sys.stderr where a service or a shell (2>&-) has closed it: nobody reads the messages.
    if sys.stderr is None:
        return Path(os.devnull).open("w")
    return _diverted_stderr() if quiet else nullcontext(sys.stderr)


def _live_line(stream: TextIO) -> Any:
    """Return rich's progress bar on *stream*, started; None without rich."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except Exception:  # noqa: BLE001  (without rich, or with one that cannot be loaded, there are plain lines)
        return None
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=stream), transient=True)
    bar.add_task("starting", total=None)
    bar.start()
    return bar


@contextmanager
def _diverted_stderr() -> Iterator[TextIO]:
    """Send descriptor 2 to nowhere, and yield a stream to where it led before."""
    sys.stderr.flush()
    saved = os.dup(STDERR)
    # A test may have replaced sys.stderr by a stream of its own: the messages still go there.
    terminal = os.fdopen(os.dup(STDERR), "w") if _writes_to_descriptor_2(sys.stderr) else sys.stderr
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), STDERR)
        yield terminal
    finally:
        if terminal is not sys.stderr:
            terminal.close()
        sys.stderr.flush()
        os.dup2(saved, STDERR)
        os.close(saved)


def _writes_to_descriptor_2(stream: TextIO) -> bool:
    try:
        return stream.fileno() == STDERR
    except (OSError, ValueError):  # streams in memory have no descriptor
        return False


def print_table(table: Table) -> None:
    """Print *table* to stdout, as wide as the terminal, or `TABLE_WIDTH` without one.

    Its cells are plain text: a name in square brackets is no style, and escape codes are shown.
    """
    from rich.console import Console

    class PlainConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable(text, keep="\n"), **options)

    width = None if sys.stdout.isatty() else TABLE_WIDTH  # None: that of the terminal
    PlainConsole(width=width, markup=False, emoji=False, highlight=False).print(table)
