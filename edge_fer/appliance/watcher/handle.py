"""The service's end of a watcher: starts the process, hears what it says, tells it what to do, and ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final, Protocol

from edge_fer.appliance.watcher.job import as_line
from edge_fer.appliance.watcher.messages import read_all
from edge_fer.errors import BadInput, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from edge_fer.appliance.watcher.job import Job, Order
    from edge_fer.appliance.watcher.messages import Message

CHILD: Final = "edge_fer.appliance.watcher"
"""The module that the child executes."""
LAST_WORDS_S: Final = 0.5
"""How long is waited for what a process that has ended wrote before."""
MAX_LINE_BYTES: Final = 4096


class Watcher(Protocol):
    """A watcher, as its keeper sees it."""

    @property
    def job(self) -> Job:
        """What it was started for."""

    @property
    def pid(self) -> int:
        """Number of its process."""

    def start(self) -> None:
        """Start its process. Raises `OSError` where there can be none."""

    def tell(self, order: Order) -> None:
        """Tell it *order*. Never blocks; what a process that hangs is told is lost."""

    def ended(self) -> int | None:
        """Return the exit code, or minus the signal that ended it; None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """Let the kernel end it."""


class ChildWatcher:
    """A watcher in a process of its own.

    *hear* is called with itself and each message, in a thread; *log* with each line that it writes to stderr, in
    another one.
    """

    def __init__(self, job: Job, hear: Callable[[Watcher, Message], None], log: Callable[[str], None]) -> None:
        self._job = job
        self._hear = hear
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start its process."""
        # -P: no module of the folder in which the service happens to run. In a session of its own, since Ctrl-C in a
        # terminal is for the service alone.
        self._process = subprocess.Popen(  # noqa: S603  (nothing of the user's is in the command)
            [sys.executable, "-P", "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._write(as_line(self._job))
        self._reader = self._started(self._read, "watcher, messages")
        self._started(self._read_lines, "watcher, log")

    @property
    def job(self) -> Job:
        """What it was started for."""
        return self._job

    @property
    def pid(self) -> int:
        """Number of its process."""
        return 0 if self._process is None else self._process.pid

    def tell(self, order: Order) -> None:
        """Tell it *order*."""
        self._write(order.as_line())

    def ended(self) -> int | None:
        """Return the exit code, or minus the signal that ended it; None while it runs."""
        if self._process is None or self._reader is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._reader.join(LAST_WORDS_S)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Let the kernel end it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _write(self, line: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            return
        stdin = self._process.stdin
        os.set_blocking(stdin.fileno(), False)
        # Gone, or full since it hangs: both are seen elsewhere.
        with contextlib.suppress(OSError):
            os.write(stdin.fileno(), line)

    def _read(self) -> None:
        stream = self._pipe("stdout")
        with stream:
            try:
                for message in read_all(stream):
                    self._hear(self, message)
            except BadInput as exc:
                self._log(str(exc))
                self.kill()
            except Exception as exc:  # noqa: BLE001  (a thread that ended quietly would look like a watcher that hangs)
                self._log(f"what it says cannot be used: {type(exc).__name__}: {one_line(exc)}")
                self.kill()

    def _read_lines(self) -> None:
        stream = self._pipe("stderr")
        with stream:
            while line := stream.readline(MAX_LINE_BYTES):
                text = one_line(line.decode(errors="replace"))
                if text:
                    self._log(text)

    def _started(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def _pipe(self, name: str) -> BinaryIO:
        pipe: BinaryIO = getattr(self._process, name)
        return pipe
