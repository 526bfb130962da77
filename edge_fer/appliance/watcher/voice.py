"""The child's ends of the two pipes: what it says, and what it is told."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO, Final

from edge_fer.appliance.watcher.job import Order
from edge_fer.appliance.watcher.messages import Kind, Message
from edge_fer.sources.addresses import scrub
from edge_fer.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from edge_fer.appliance.watcher.stages import Stages
    from edge_fer.clock import Clock

BEAT_S: Final = 1.0
"""Time between two beats."""
PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4


class Voice:
    """Writes messages. May be used from any thread."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def say(self, kind: Kind, picture: bytes = b"", **content: Any) -> None:
        """Send a message. Ends this process where nobody listens any more."""
        content_bytes = Message(kind, content, picture).as_bytes()
        try:
            with self._lock:
                self._pipe.write(content_bytes)
                self._pipe.flush()
        except OSError:
            os._exit(0)


class Forwarding(logging.Handler):
    """Sends what is logged to the service."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(logging.WARNING)
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        """Send the text of *record*, in one line and without passwords."""
        self._voice.say(Kind.LOG, words=shown(record.getMessage()))


def shown(words: object) -> str:
    """Return *words* in one line, without the password of an address."""
    return printable(scrub(str(words)))


def die_with_parent() -> None:
    """Let the kernel end this process when the service ends, however it does. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def leave_no_core() -> None:
    """Let no crash write this process's memory to the disk: there are pictures in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A handler that the kernel pipes the memory to is not bound by the limit.
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)


def start_beating(voice: Voice, stages: Stages, clock: Clock) -> None:
    """Say in a thread, again and again, that this process lives, and what it is at."""

    def beat() -> None:
        while True:
            voice.say(Kind.BEAT, ages=stages.ages_s())
            clock.sleep(BEAT_S)

    threading.Thread(target=beat, name="beat", daemon=True).start()


def start_listening(stdin: BinaryIO, obey: Callable[[Order], None]) -> None:
    """Call *obey* in a thread with each order; end this process when the service closes the pipe."""

    def listen() -> None:
        for line in stdin:
            obey(Order.model_validate_json(line))
        os._exit(0)

    threading.Thread(target=listen, name="orders", daemon=True).start()
