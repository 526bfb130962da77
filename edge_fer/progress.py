"""What a person at a terminal sees of long work: one live line on stderr, and warnings that stay.

The live line needs rich. Without it, a line is printed for each new step.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table


class ProgressListener:
    """Hears how far long work is. This one ignores what it hears."""

    def step(self, words: str, share: float = 0.0) -> None:
        """Hear that the step *words* is running, and which *share* of it, in [0, 1], is done."""

    def tell(self, words: str) -> None:
        """Hear of a result that the user may want to read later."""

    def warn(self, words: str) -> None:
        """Hear of something that the user should know."""


class ProgressDisplay(ProgressListener):
    """Shows progress on stderr. A context manager.

    With *quiet*, what C++ libraries write to stderr meanwhile is thrown away.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._last = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Begin to show."""
        self._silence = _diverted_stderr() if self._quiet else _own_stderr()
        self._stream = self._silence.__enter__()
        if self._stream.isatty():
            self._bar = _live_line(self._stream)
        return self

    def __exit__(self, *exc: object) -> None:
        """Remove the live line and give stderr back."""
        if self._bar is not None:
            self._bar.stop()
        self._silence.__exit__(None, None, None)

    def step(self, words: str, share: float = 0.0) -> None:
        """Show what is being done; where nobody looks, one line for each new step."""
        if self._bar is not None:
            total = 1.0 if share else None  # without a share, the bar only pulses
            self._bar.update(self._bar.task_ids[0], description=words, completed=share, total=total)
        elif words != self._last:
            self._print(words)
        self._last = words

    def tell(self, words: str) -> None:
        """Print a line that stays."""
        self._print(words)

    def warn(self, words: str) -> None:
        """Print a warning that stays."""
        self._print(f"warning: {words}", style="yellow")

    def _print(self, words: str, style: str | None = None) -> None:
        if self._bar is not None:
            self._bar.console.print(words, style=style, highlight=False, soft_wrap=True, markup=False)
        else:
            self._stream.write(f"{words}\n")
            self._stream.flush()


def _live_line(stream: TextIO) -> Any:
    """Return rich's progress bar on *stream*, started; None where rich is not installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    except ImportError:
        return None
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=stream), transient=True)
    bar.add_task("starting", total=None)
    bar.start()
    return bar


@contextmanager
def _own_stderr() -> Iterator[TextIO]:
    """Give stderr as it is."""
    yield sys.stderr


@contextmanager
def _diverted_stderr() -> Iterator[TextIO]:
    """Send descriptor 2 to a file that nobody reads, and give a stream to where it led before."""
    sys.stderr.flush()
    saved = os.dup(2)
    terminal = os.fdopen(os.dup(2), "w") if _is_descriptor_2(sys.stderr) else sys.stderr
    try:
        with tempfile.TemporaryFile() as noise:
            os.dup2(noise.fileno(), 2)
        yield terminal
    finally:
        if terminal is not sys.stderr:
            terminal.close()
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


def _is_descriptor_2(stream: TextIO) -> bool:
    """Return whether *stream* writes to the process's own stderr, and not to what a test has put in its place."""
    try:
        return stream.fileno() == 2
    except (OSError, ValueError):
        return False


def print_table(table: Table) -> None:
    """Print *table* to stdout, as wide as the terminal, or as it wants to be where there is none."""
    from rich.console import Console

    width: dict[str, Any] = {} if sys.stdout.isatty() else {"width": 200}
    Console(**width).print(table)
