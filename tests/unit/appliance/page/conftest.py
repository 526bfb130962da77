"""A page that runs, and a client that may send anything."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from edge_fer.appliance.latest import Latest, Moment
from edge_fer.appliance.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer.appliance.page.settings import Drive

pytest.importorskip("uvicorn", reason="the page needs edge-fer[appliance]")

from edge_fer.appliance.page import Page, PageSettings

PATIENCE_S = 20.0
TOKEN = "a-token-for-tests-only"  # noqa: S105 (it opens nothing)
SECRET = "canary"  # noqa: S105
"""Stands in every record: no refusal may hold it."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes = b""
    """What came behind the body on the same connection."""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A page on loopback, and what it was told."""

    page: Page
    latest: Latest
    status: Status
    watched: list[bool] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"localhost:{self.page.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def show(self, picture: bytes | None = None, **changes: Any) -> None:
        face = {
            "track": 1, "box": [10, 20, 80, 80], "confidence": 0.9, "state": "happy", "seen": "found", "roll_deg": 0.0,
            "scores": {"happy": 0.9, "sad": 0.1}, "smoothed": {"happy": 0.8, "sad": 0.2},
        }  # fmt: skip
        record = {"index": 0, "source": SECRET, "faces": [face], "stage_ms": {"classify": 1.0}, "dropped": 0, **changes}
        self.latest.put(Moment(record, (640, 480), time.monotonic(), picture))
        self.status.saw_frame()

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.page.port), PATIENCE_S, (source, 0))

    def exchange(self, request: bytes, source: str = "127.0.0.1") -> bytes:
        """Send *request*, and return all that comes until the connection is closed."""
        with self.connect(source) as connection:
            answer = b""
            try:
                connection.sendall(request)
                while chunk := connection.recv(1 << 16):
                    answer += chunk
            except ConnectionError:
                pass  # refused in the middle of what was sent
            return answer

    def ask(
        self,
        path: str = "/health",
        *,
        method: str = "GET",
        source: str = "127.0.0.1",
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        """Ask, with underscores of header names as hyphens; an empty header is left out."""
        named = {"Host": self.host, "Connection": "close"}
        if body:
            named["Content-Length"] = str(len(body))
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value), "", ""]
        return parse(self.exchange("\r\n".join(lines).encode("latin-1") + body, source))


def parse(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", len(body)))
    return Answer(int(lines[0].split(" ")[1]) if head else 0, headers, body[:length], body[length:])


def launch(token: str | None = None, drive: Drive | None = None, **settings: Any) -> Running:
    latest = Latest()
    status = Status(stale_after_s=3600)
    watched: list[bool] = []
    events = [
        {"id": number, "time": "2026-01-01T00:00:00.000+00:00", "kind": "face", "subject": "track 1",
         "before": None, "after": "happy", "detail": {}}
        for number in range(1, 2001)
    ]  # fmt: skip

    def some(after: int | None, limit: int) -> list[dict[str, Any]]:
        return events[-limit:] if after is None else [event for event in events if event["id"] > after][:limit]

    page = Page(
        PageSettings(port=0, **settings), latest, status.as_dict, lambda: b"edge_fer_frames_total 1\n", some, token,
        watched.append, drive,
    )  # fmt: skip
    running = Running(page, latest, status, watched)
    page.start()
    return running


@pytest.fixture
def launched() -> Iterator[Callable[..., Running]]:
    """Starts pages, and stops them."""
    pages: list[Running] = []

    def start(token: str | None = None, drive: Drive | None = None, **settings: Any) -> Running:
        pages.append(launch(token, drive, **settings))
        return pages[-1]

    yield start
    for running in pages:
        running.page.stop()


@pytest.fixture(scope="module")
def open_page() -> Iterator[Running]:
    """A page without a token, for all tests of a file."""
    running = launch()
    running.show()
    yield running
    running.page.stop()


@pytest.fixture(scope="module")
def shut_page() -> Iterator[Running]:
    """A page with a token, for all tests of a file."""
    running = launch(TOKEN)
    running.show()
    yield running
    running.page.stop()


@pytest.fixture
def asking() -> Callable[[Page], Running]:
    """Asks a page that a test has made itself."""
    return lambda page: Running(page, Latest(), Status(stale_after_s=3600))
