"""stdin, stdout and stderr of a command: what is closed, full, or cannot write every character.

A write to stdout that fails is an error of its own, since results are lost. One to stderr is not: nobody could be told.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import select
import sys
from typing import IO, TYPE_CHECKING, Any, Final

from edge_fer.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator

STDOUT: Final = 1
STDERR: Final = 2
REMARK: Final = re.compile(
    rb"INFO: |[IW]\d{4} \d\d:|\[[IW]:onnxruntime|WARNING: All log messages before absl::InitializeLog"
)
"""What is in the lines that LiteRT, absl and ONNX Runtime write to stderr by themselves, and that are no errors."""


def prepare() -> None:
    """Prepare the standard streams of this process, unless they are replaced already, as in tests.

    Characters that the encoding of a stream lacks are written as escapes. A stream that was closed at the start is led
    to ``/dev/null``, so that no file of the work gets its number; what is written to a closed stdout still fails.
    """
    for descriptor in range(3):
        _open_if_closed(descriptor)
    # Python has no object for a stream that was closed.
    if sys.stdout is sys.__stdout__ or sys.stdout is None:
        sys.stdout = _text(_Results(STDOUT, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__ or sys.stderr is None:
        sys.stderr = _text(_Messages(STDERR, "w", closefd=False), sys.stderr)


def settle_stdout() -> None:
    """Write what still waits to be written to stdout; if that fails, lead it to ``/dev/null``.

    Python flushes stdout once more when it exits. A failure there would have an exit code of its own, and a reader that
    reads no more would be waited for.
    """
    with contextlib.suppress(AttributeError, io.UnsupportedOperation):  # it is none, or has no descriptor
        descriptor = sys.stdout.fileno()
        try:
            _, writable, _ = select.select([], [descriptor], [], 0)
            if writable:
                sys.stdout.flush()
                return
        except OSError:
            pass
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@contextlib.contextmanager
def without_remarks(log: logging.Logger) -> Iterator[None]:
    """Drop what a runtime remarks on stderr inside. It writes from C++, and has no switch for it.

    All else that is written there comes out at the end. Nothing is dropped where *log* is to tell everything, as
    with ``edge-fer --debug``, and where the descriptor cannot be diverted.
    """
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            written = stack.enter_context(_scratch())
            saved = os.dup(STDERR)
        except OSError:  # no room for a file, or stderr is closed
            yield
            return
        stack.callback(os.close, saved)
        os.dup2(written.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(saved, STDERR)
            written.seek(0)
            for line in written:
                if not REMARK.search(line):
                    os.write(STDERR, line)


def _scratch() -> IO[bytes]:
    """Return a file without a name; where there can be one in memory, no disk is written."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("edge-fer-remarks"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


class _Results(io.FileIO):
    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            raise  # the reader is gone, as with `| head`: no error
        except OSError as exc:
            raise SinkError(f"stdout cannot be written: {exc.strerror}; {_remedy(exc)}") from exc


class _Messages(io.FileIO):
    def write(self, content: Any, /) -> int:
        with contextlib.suppress(OSError):
            return super().write(content)
        return memoryview(content).nbytes


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest free number is this one, since those below it are open by now. Read-only, so that writing to
        # stdout fails as it should, whoever does it.
        os.open(os.devnull, os.O_RDWR if descriptor == STDERR else os.O_RDONLY)


def _text(raw: io.FileIO, before: Any) -> io.TextIOWrapper:
    """Return *raw* as a stream of text with the encoding of the stream *before*; UTF-8 where there was none."""
    encoding = before.encoding if before is not None else "utf-8"
    buffered = io.BufferedWriter(raw)
    lines = raw.fileno() == STDERR or raw.isatty()
    return io.TextIOWrapper(buffered, encoding, errors="backslashreplace", line_buffering=lines)


def _remedy(exc: OSError) -> str:
    if exc.errno == errno.EBADF:
        return "it is closed; send it to a file or to /dev/null"
    return "is the disk full?"
