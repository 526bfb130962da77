"""What a person at a terminal sees of long work: one live line on stderr, and warnings; no other library's noise."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from rich.table import Table


class ProgressListener:
    """Hears how far long work is. This one ignores what it hears."""

    def step(self, words: str, share: float = 0.0) -> None:
        """Hear that the step *words* is running, and which *share* of it, in [0, 1], is done."""

    def warn(self, words: str) -> None:
        """Hear of something that the user should know."""


class ProgressDisplay(ProgressListener):
    """A context manager. While it is open, what C++ libraries write to stderr goes to a file that nobody reads.

    With *debug* they may write as they like.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._debug = debug
        self._last = ""

    def __enter__(self) -> Self:
        """Take stderr over."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        sys.stderr.flush()
        self._saved = os.dup(2)
        self._terminal = os.fdopen(os.dup(2), "w") if _is_descriptor_2(sys.stderr) else sys.stderr
        if not self._debug:
            with tempfile.TemporaryFile() as noise:
                os.dup2(noise.fileno(), 2)
        self._console = Console(file=self._terminal)
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
            console=self._console, transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("starting", total=None)
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Give stderr back."""
        self._progress.stop()
        if self._terminal is not sys.stderr:
            self._terminal.close()
        sys.stderr.flush()
        os.dup2(self._saved, 2)
        os.close(self._saved)

    def step(self, words: str, share: float = 0.0) -> None:
        """Show what is being done; where nobody looks, one line for each new thing."""
        if not self._console.is_terminal and words != self._last:
            self._console.print(words, highlight=False, soft_wrap=True)
        self._last = words
        self._progress.update(self._task, description=words, completed=share, total=1.0 if share else None)

    def warn(self, words: str) -> None:
        """Show a warning."""
        self._console.print(f"warning: {words}", style="yellow", highlight=False, soft_wrap=True)


def _is_descriptor_2(stream: TextIO) -> bool:
    """Tell whether *stream* writes to the process's own stderr, and not to what somebody has put in its place."""
    try:
        return stream.fileno() == 2
    except (OSError, ValueError):
        return False


def print_table(table: Table) -> None:
    """Print *table* to stdout, as wide as the terminal, or as it wants to be where there is none."""
    from rich.console import Console

    width: dict[str, Any] = {} if sys.stdout.isatty() else {"width": 200}
    Console(**width).print(table)
