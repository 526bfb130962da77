"""Prints records for whoever reads them, who may stop to read, or go, without stopping the camera."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from queue import Full, Queue
from typing import TYPE_CHECKING, Any, Final

from edge_fer.errors import one_line

if TYPE_CHECKING:
    from edge_fer.appliance.supervision.reporter import Reporter

STDOUT: Final = 1
MOST: Final = 100
"""Records that may wait to be read; what comes then is left out."""


class Printer:
    """Writes each record as a line of JSON to *descriptor*, in a thread that begins with the first one.

    It does not use `sys.stdout`: the end of Python would wait for a thread that is writing there.
    """

    def __init__(self, reporter: Reporter, descriptor: int = STDOUT) -> None:
        self._reporter = reporter
        self._descriptor = descriptor
        self._queue: Queue[dict[str, Any] | None] = Queue(MOST)
        self._thread: threading.Thread | None = None

    def put(self, record: dict[str, Any]) -> None:
        """Let *record* be printed. Never blocks. To be called by one thread at a time."""
        try:
            self._queue.put_nowait(record)
        except Full:
            self._reporter.count("records_not_printed")
            self._reporter.say("print", "records are not printed: nobody reads them")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="print", daemon=True)
            self._thread.start()

    def close(self, within_s: float) -> None:
        """Give what waits *within_s* to be printed."""
        if self._thread is None:
            return
        with contextlib.suppress(Full):
            self._queue.put(None, timeout=within_s)
            self._thread.join(within_s)

    def _run(self) -> None:
        while (record := self._queue.get()) is not None:
            try:
                _write(self._descriptor, json.dumps(record, separators=(",", ":")).encode() + b"\n")
            except OSError as exc:  # nobody reads it any more
                self._reporter.say("print", f"records cannot be printed: {one_line(exc)}")


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
