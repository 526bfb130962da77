"""The music player mpv, through its JSON IPC: one command, one answer, and what happens in between."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Self

from edge_fer.errors import OutletError, one_line

if TYPE_CHECKING:
    from edge_fer.appliance.outlets.settings import MusicSettings

MAX_LINE: Final = 1 << 20
MAX_EVENTS: Final = 256
BEGIN_S: Final = 20.0
"""Seconds in which an mpv that was just started must answer: it loads its libraries from a card."""
END_S: Final = 0.3


class Mpv:
    """A connection to an mpv; of one that was started here, its end ends mpv too, however it comes about."""

    def __init__(self, connection: socket.socket, process: subprocess.Popen[bytes] | None, deadline_s: float) -> None:
        self._connection = connection
        self._process = process
        self._deadline_s = deadline_s
        self._unread = b""
        self._number = 0
        self.events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        """What mpv has told besides its answers, the oldest first."""

    @classmethod
    def opened(cls, settings: MusicSettings) -> Self:
        """Connect to the mpv of *settings*, or start one. Raises `OutletError`."""
        mpv = cls._attached(settings) if settings.socket is not None else cls._started(settings)
        try:
            mpv.command("get_property", "mpv-version", within_s=max(BEGIN_S, settings.deadline_s))
        except OutletError:
            mpv.close()
            raise
        return mpv

    @classmethod
    def _attached(cls, settings: MusicSettings) -> Self:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(settings.deadline_s)
        try:
            connection.connect(str(settings.socket))
        except OSError as exc:
            connection.close()
            raise OutletError(
                f"no mpv answers at {settings.socket}: {one_line(exc.strerror or exc)}; "
                f"start it with --input-ipc-server={settings.socket}"
            ) from exc
        return cls(connection, None, settings.deadline_s)

    @classmethod
    def _started(cls, settings: MusicSettings) -> Self:
        # Over a pair of sockets, mpv quits as soon as this end is closed: none is left behind.
        ours, theirs = socket.socketpair()
        arguments = [
            settings.mpv, "--idle=yes", "--no-video", "--no-terminal", "--ytdl=no",
            f"--input-ipc-client=fd://{theirs.fileno()}",
        ]  # fmt: skip
        if settings.audio_output is not None:
            arguments.append(f"--ao={settings.audio_output}")
        try:
            process = subprocess.Popen(  # noqa: S603 (the program of the settings)
                arguments,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as exc:
            ours.close()
            raise OutletError(
                f"{settings.mpv} cannot be started: {one_line(exc.strerror or exc)}; install mpv"
            ) from exc
        finally:
            theirs.close()
        return cls(ours, process, settings.deadline_s)

    def command(self, *words: Any, within_s: float | None = None) -> Any:
        """Execute a command and return mpv's data. Raises `OutletError`, also where mpv is gone or hangs."""
        until_s = time.monotonic() + (self._deadline_s if within_s is None else within_s)
        self._number += 1
        request = {"command": words, "request_id": self._number}
        try:
            self._connection.settimeout(self._deadline_s)
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            answer = self._answer(self._number, until_s)
        except TimeoutError as exc:
            raise OutletError("mpv hangs: it does not answer") from exc
        except (OSError, ValueError) as exc:
            raise OutletError(f"mpv is gone: {one_line(exc)}") from exc
        if answer.get("error") != "success":
            raise OutletError(f"mpv refuses {' '.join(map(str, words[:2]))}: {one_line(answer.get('error'))}")
        return answer.get("data")

    def _answer(self, number: int, until_s: float) -> dict[str, Any]:
        while True:
            message = json.loads(self._line(until_s).decode(errors="replace"))
            if "event" in message:
                self.events.append(message)
            elif message.get("request_id") == number:
                answer: dict[str, Any] = message
                return answer

    def _line(self, until_s: float) -> bytes:
        """Return the next line. Raises `OSError` if there is none in time, or no more."""
        while b"\n" not in self._unread:
            if len(self._unread) > MAX_LINE:
                raise OSError("it sends a line without an end")
            self._connection.settimeout(max(0.001, until_s - time.monotonic()))
            received = self._connection.recv(1 << 16)
            if not received:
                raise OSError("it has ended the connection")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def get(self, name: str) -> Any:
        """Return a property of mpv. Raises `OutletError`."""
        return self.command("get_property", name)

    def set(self, name: str, value: Any) -> None:
        """Set a property of mpv. Raises `OutletError`."""
        self.command("set_property", name, value)

    def close(self) -> None:
        """Close the connection; an mpv that was started here ends, if it must, by force."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        if self._process is None:
            return
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
