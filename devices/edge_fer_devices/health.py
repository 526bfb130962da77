"""How the service is: whether frames come, and what was seen in the first and in the last one, over HTTP.

Asked on a port of the device itself, unless the settings say otherwise. It tells no more than ``edge-fer run --json``,
and takes no picture.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.records import Record

WAITING: Final = "no frame has come yet"
ANSWER_WITHIN_S: Final = 5.0
"""Time that a client has to send its request and to take the answer."""
MAX_CLIENTS: Final = 16
"""Connections at a time: each takes a thread. One more, and the oldest is closed."""
PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>edge-fer</title>
<style>html{background:#111;color:#eee;font:min(12vw,9rem) system-ui;cursor:none}body{display:grid;place-items:center;
min-height:95vh;margin:0 4vw;text-align:center}small{display:block;font-size:max(.25em,18px);color:#aaa}</style>
<body><div><span id="state">…</span><small id="note"></small></div>
<script>
async function show() {
  const state = document.getElementById("state"), note = document.getElementById("note");
  try {
    const health = await (await fetch("/health")).json();
    const faces = ((await (await fetch("/last")).json()) || {}).faces || [];
    state.textContent = faces.length ? faces.map(face => face.state).join(", ") : "–";
    note.textContent = health.status !== "ok" ? health.reason : faces.length ? "" : "no face is in sight";
  } catch (error) {
    state.textContent = "–";
    note.textContent = "the service does not answer";
  }
}
setInterval(show, 500);
</script>
"""


class Health:
    """Counts frames, and keeps the record of the first and the last. May be asked from any thread."""

    def __init__(self, stale_after_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._stale_after_s = stale_after_s
        self._now = now
        self._lock = threading.Lock()
        self._started_s = now()
        self._newest_s: float | None = None
        self._frames = 0
        self._first: Record | None = None
        self._last: Record | None = None
        self._fault = WAITING
        self._alive_s = self._started_s

    def note(self, record: Record) -> None:
        """Take the record of a frame."""
        with self._lock:
            self._frames += 1
            self._newest_s = self._alive_s = self._now()
            self._first = self._first or record
            self._last = record

    def report(self, fault: str) -> None:
        """Take in words why no frame comes."""
        with self._lock:
            self._fault = fault

    def tried(self) -> None:
        """Note that the source was tried again, whatever came of it."""
        with self._lock:
            self._alive_s = self._now()

    def alive(self) -> bool:
        """Return whether a frame came, or a source was tried, within the time allowed: nothing hangs."""
        with self._lock:
            return self._now() - self._alive_s <= self._stale_after_s

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return self._frames

    def as_dict(self) -> dict[str, Any]:
        """Return what ``/health`` answers: ``status`` is ``ok`` only if a frame came within the time allowed."""
        with self._lock:
            age_s = None if self._newest_s is None else self._now() - self._newest_s
            running_s = self._now() - self._started_s
            fault = self._fault
        good = age_s is not None and age_s <= self._stale_after_s
        if good:
            reason = ""
        elif age_s is None:
            reason = fault
        else:
            reason = f"no frame for {age_s:.0f} s" + (f": {fault}" if fault != WAITING else "")
        return {
            "status": "ok" if good else "no frames",
            "reason": reason,
            "frames": self._frames,
            "newest_frame_age_s": None if age_s is None else round(age_s, 3),
            "running_s": round(running_s, 3),
        }

    def first(self) -> dict[str, Any] | None:
        """Return the record of the first frame, as ``edge-fer run --json`` prints it."""
        return None if self._first is None else self._first.as_dict()

    def last(self) -> dict[str, Any] | None:
        """Return the record of the newest frame."""
        return None if self._last is None else self._last.as_dict()


class Server:
    """Answers ``/health``, ``/first``, ``/last`` and a page that shows the state. Raises `OSError` for a taken port."""

    def __init__(self, health: Health, bind: str, port: int) -> None:
        handler = type("Handler", (_Handler,), {"health": health})
        family = _V6 if ":" in bind else _Clients
        self._server = family((bind, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Answer from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Clients(http.server.ThreadingHTTPServer):
    """Answers few clients at a time, each not for long, so that none keeps another from its answer."""

    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self._came_s: dict[socket.socket, float] = {}
        """The open connections, the oldest first."""
        self._lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        with self._lock:
            self._came_s[request] = time.monotonic()
            if len(self._came_s) > MAX_CLIENTS:
                self._hang_up(next(iter(self._came_s)))
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Close what was open for too long; called about twice a second."""
        with self._lock:
            overdue = [
                request for request, came_s in self._came_s.items() if came_s < time.monotonic() - ANSWER_WITHIN_S
            ]
            for request in overdue:
                self._hang_up(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that was answered."""
        with self._lock:
            self._came_s.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away: a journal would fill."""

    def _hang_up(self, request: socket.socket) -> None:
        # Its thread then reads the end, and closes it.
        self._came_s.pop(request, None)
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class _V6(_Clients):
    address_family = socket.AF_INET6


class _Handler(http.server.BaseHTTPRequestHandler):
    health: Health
    timeout = ANSWER_WITHIN_S
    server_version = "edge-fer"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path == "/":
            self._answer(HTTPStatus.OK, PAGE.encode(), "text/html; charset=utf-8")
        elif self.path == "/health":
            answer = self.health.as_dict()
            good = answer["status"] == "ok"
            self._json(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, answer)
        elif self.path == "/first":
            self._json(HTTPStatus.OK, self.health.first())
        elif self.path == "/last":
            self._json(HTTPStatus.OK, self.health.last())
        else:
            self._json(HTTPStatus.NOT_FOUND, {"error": "ask for /health, /first or /last"})

    def _json(self, status: HTTPStatus, content: Any) -> None:
        self._answer(status, json.dumps(content).encode() + b"\n", "application/json")

    def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name of the base class)
        """Log nothing: a request a second would fill the journal."""
