"""Requests that nobody sends in good faith, twenty of a kind, to a page that runs: refused, and nothing leaks."""

# ruff: noqa: E501  (lists of requests)

from __future__ import annotations

import base64
import contextlib
import json
import os
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from tests.unit.appliance.page.conftest import Running

SECRET = b"canary"
TOKEN = "a-token-for-tests-only"  # noqa: S105 (it opens nothing)
PATIENCE_S = 20.0
REFUSED = {0, 400, 401, 403, 404, 405, 411, 413, 414, 421, 426, 429, 431, 501}
"""0: the connection was closed without an answer."""
LEAKS = (SECRET, b"root:", b"Traceback", b"site-packages", b"uvicorn", b"starlette", b"[project]", TOKEN.encode())

UP = [
    "/../../../../etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/....//....//etc/passwd",
    "/static/../words.json", "/static/{v}/../../settings.py", "/static/{v}/..%2f..%2fsettings.py",
    "/static/{v}/%2e%2e%2f%2e%2e%2fserver.py", "/static/{v}/..%5c..%5cserver.py", "/static/{v}/words.json",
    "/static/{v}/index.html", "/static/{v}/", "/static/{v}/page.css%00.js", "/static/{v}/..%252f..%252fserver.py",
    "/static/{v}/%c0%ae%c0%ae%c0%afserver.py", "/static//etc/passwd", "//etc/passwd", "/static/{v}/page.css/../x",
    "/static/0000000000000000/page.css", "/;/etc/passwd", "/api/../../../pyproject.toml", "/%00", "/.env",
    "/static/{v}/~root", "/health/../last", "/HEALTH", "/health/", "/api", "/login/../last", "/%6cast/",
]  # fmt: skip
HOSTS = [
    "evil.example", "evil.example:{p}", "localhost.evil.example", "evil.example/localhost", "localhost@evil.example",
    "evil.example#localhost", "localhost:{p}.evil.example", "127.0.0.1.nip.example", "127.0.0.2:{p}", "0.0.0.0:{p}",
    "[::1].evil.example", "[::ffff:7f00:1]:{p}", "192.168.1.1", "2130706433:{p}", "0x7f000001", "localhost:{p}:80",
    "localhost, evil.example", "user:pass@localhost", "localhost:99999", "xn--lcalhost-e1a", "localhost\\@evil.example",
    "localhost%00.evil.example",
]  # fmt: skip
ORIGINS = [
    "http://evil.example", "https://localhost:{p}", "http://localhost", "http://localhost:1", "null", "file://",
    "http://localhost:{p}.evil.example", "http://evil.example/localhost:{p}", "http://localhost:{p}@evil.example",
    "http://127.0.0.1:{p}", "chrome-extension://abcdef", "http://localhost:{p}/", "ws://localhost:{p}", "localhost:{p}",
    "//localhost:{p}", "http://LOCALHOST.evil:{p}", "http://[::1]:{p}", "http://localhost:{p}, http://evil.example",
    "http://sub.localhost:{p}", "http://localhost.:{p}", "data:text/html", "about:blank",
]  # fmt: skip
TOKENS = [
    "Bearer wrong", "Bearer ", "Bearer", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Token {TOKEN}",
    f"Bearer {TOKEN.upper()}", f"Bearer {TOKEN},{TOKEN}", "Bearer \xff\xfe", "Bearer null", "Bearer undefined",
    f"Bearer '{TOKEN}'", f"Bearer {TOKEN} {TOKEN}", f"Bearer {TOKEN}\x09x", "Bearer " + "A" * 4000,
    "Basic " + base64.b64encode(f"user:{TOKEN}".encode()).decode(), f"Digest {TOKEN}", "Bearer ../../" + TOKEN,
]  # fmt: skip
COOKIES = [
    "edge-fer-session=1", "edge-fer-session=", "edge-fer-session", f"edge-fer-session={TOKEN}", "edge-fer-session=ffffffff.",
    "edge-fer-session=ffffffff." + "0" * 64, "edge-fer-session=." + "0" * 64, "edge-fer-session=-1." + "a" * 64,
    "edge-fer-session=ffffffff.ffffffff." + "0" * 64, 'edge-fer-session="', "edge-fer-session=\xff\xfe.\xff",
    "=; edge-fer-session=x", f"token={TOKEN}", "edge-fer-session=" + "9" * 4000, "edge-fer-session=zz." + "0" * 64,
    f"edge-fer-session={TOKEN}; edge-fer-session={TOKEN}", "EDGE-FER-SESSION=1", "edge-fer-session=%00",
    "edge-fer-session=7fffffffffffffff." + "f" * 64, "edge-fer-session=\\054",
]  # fmt: skip
METHODS = [
    "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
    "PURGE", "DEBUG", "get", "HEADER", "GETS", "SUBSCRIBE", "M-SEARCH",
]  # fmt: skip
# Host and an empty line are added; each ends in what would be a second request.
SECOND = "GET /last HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = [
    "GET / HTTP/1.1\r\nContent-Length: {n}\r\n\r\n{s}", "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: {n}\r\n\r\n{s}", "GET / HTTP/1.1\r\nContent-Length: +4\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n{s}", "GET / HTTP/1.1\r\nContent-Length: 0x4\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nX: y\r\n folded: z\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\nContent-Length: {n}\n\n{s}", "GET / HTTP/1.1\r\n Content-Length: {n}\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nContent-Length: {n}, {n}\r\n\r\n{s}", "GET / HTTP/9.9\r\n\r\n{s}", "GET / HTTP/1.1 x\r\n\r\n{s}",
    "GET  / HTTP/1.1\r\nContent-Length: {n}\r\n\r\n{s}", "POST /login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{s}",
    "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n{s}", "GET / HTTP/1.1\r\nX\x00Y: 1\r\n\r\n{s}",
    "GET http://evil.example/last HTTP/1.1\r\nContent-Length: {n}\r\n\r\n{s}", "GET /\r\n\r\n{s}",
]  # fmt: skip
HEADS = [
    "X: " + "a" * 20_000, "a" * 20_000 + ": x", *["X: y\r\n" * 3000] * 2, "Cookie: " + "a=b; " * 5000, "X: \x00", "\x00: x",
    "Host: evil.example", ": x", "X Y: z", "X: a\rb", "X: a\x0bb\x7f", "(): x", "no colon here", "X: " + "\xff" * 20_000,
    "Range: bytes=0-" + ",0-" * 6000, "Accept-Encoding: " + "gzip, " * 3000, "Accept-Language: " + "de;q=" * 4000,
    "Authorization: Bearer " + "x" * 20_000, "Sec-WebSocket-Key: " + "x" * 20_000,
]  # fmt: skip
MESSAGES = [
    b"", b"[]", b"{}", b"null", b"true", b"1e999", b'"pictures"', b'{"pictures":1}', b'{"pictures":"true"}', b'{"pictures":null}',
    b"{'pictures':true}", b'{"pictures":true', b"[" * 60, b"{" * 60, b"NaN", b"\xc3\xa4\xc3\xb6", b"\x00", b'{"pictures":[true]}',
    b'{"pictures":true}' + b" " * 100, b"x" * 900, b"x" * 5000, b"x" * 1_000_000,
]  # fmt: skip


@pytest.fixture(autouse=True)
def unharmed(open_page: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each test, the page answers as before."""
    monkeypatch.setattr("edge_fer.appliance.page.connections.CLOSED_WITHIN_S", 0.01)  # these clients never agree
    yield
    assert open_page.ask("/health").status == 200
    assert open_page.page.alive


def refused(raw: bytes, *, of: set[int] = REFUSED) -> None:
    """Assert that *raw* is one refusal, or nothing at all, and tells nothing."""
    status = int(raw.split(b" ", 2)[1]) if raw else 0
    assert status in of, raw[:300]
    assert raw.count(b"HTTP/1.1 ") <= 1, raw[:600]
    for leak in LEAKS:
        assert leak not in raw


def handshake(running: Running, **headers: str) -> bytes:
    named = {
        "Host": running.host, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Origin": running.origin,
    }  # fmt: skip
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@contextlib.contextmanager
def viewing(running: Running) -> Iterator[socket.socket]:
    with running.connect() as connection:
        connection.sendall(handshake(running))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(1)
        assert b" 101 " in answer
        yield connection


def frame(content: bytes, opcode: int = 1, *, first_bits: int = 0x80, masked: bool = True) -> bytes:
    bit = 0x80 if masked else 0
    if len(content) < 126:
        length = struct.pack("!B", bit | len(content))
    elif len(content) < 1 << 16:
        length = struct.pack("!BH", bit | 126, len(content))
    else:
        length = struct.pack("!BQ", bit | 127, len(content))
    return bytes([first_bits | opcode]) + length + (b"\0\0\0\0" if masked else b"") + content


def ends(connection: socket.socket) -> bool:
    """Return whether the other end closes the connection."""
    deadline_s = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline_s:
            if not connection.recv(1 << 16):
                return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return False


@pytest.mark.parametrize("path", UP)
def test_paths_lead_nowhere(open_page: Running, path: str) -> None:
    version = open_page.page.version
    raw = open_page.exchange(
        f"GET {path.format(v=version)} HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\n\r\n".encode(
            "latin-1"
        )
    )
    refused(raw, of={400, 404})


@pytest.mark.parametrize("host", HOSTS)
def test_other_names_are_refused(open_page: Running, host: str) -> None:
    name = host.format(p=open_page.page.port)
    refused(open_page.exchange(f"GET /last HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()), of={400, 421})
    refused(open_page.exchange(handshake(open_page, Host=name, Origin=f"http://{name}")), of={400, 403})


def test_a_name_is_needed_once(open_page: Running) -> None:
    refused(open_page.exchange(b"GET /last HTTP/1.1\r\n\r\n"), of={400})
    refused(open_page.exchange(b"GET /last HTTP/1.0\r\n\r\n"), of={421})
    twice = f"GET /last HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\nHost: {open_page.host}\r\n\r\n"
    refused(open_page.exchange(twice.encode()), of={400})


@pytest.mark.parametrize("origin", ORIGINS)
def test_pages_of_others_are_refused(open_page: Running, origin: str) -> None:
    foreign = origin.format(p=open_page.page.port)
    refused(open_page.exchange(handshake(open_page, Origin=foreign)), of={403})
    refused(
        open_page.exchange(
            f"GET /last HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\nOrigin: {foreign}\r\n\r\n".encode()
        ),
        of={403},
    )


def test_a_websocket_needs_an_origin(open_page: Running) -> None:
    refused(open_page.exchange(handshake(open_page, Origin="")), of={403})


@pytest.mark.parametrize("number", range(len(TOKENS)))
def test_wrong_tokens_are_refused(shut_page: Running, number: int) -> None:
    # Each from an address of its own, since one that guesses is soon not heard any more.
    source = f"127.0.1.{number + 1}"
    head = (
        f"GET {{}} HTTP/1.1\r\nConnection: close\r\nHost: {shut_page.host}\r\nAuthorization: {TOKENS[number]}\r\n\r\n"
    )
    for path in ("/last", "/metrics"):
        refused(shut_page.exchange(head.format(path).encode("latin-1"), source), of={400, 401})
    refused(shut_page.exchange(handshake(shut_page, Authorization=TOKENS[number]), source), of={400, 403})


@pytest.mark.parametrize("cookie", COOKIES)
def test_made_up_sessions_are_refused(shut_page: Running, cookie: str) -> None:
    raw = shut_page.exchange(
        f"GET /last HTTP/1.1\r\nConnection: close\r\nHost: {shut_page.host}\r\nCookie: {cookie}\r\n\r\n".encode(
            "latin-1"
        )
    )
    refused(raw, of={400, 401})
    refused(shut_page.exchange(handshake(shut_page, Cookie=cookie)), of={400, 403})


@pytest.mark.parametrize("path", ["/last", "/first", "/metrics", "/api/status", "/api/events", "/nothing"])
def test_nothing_is_told_without_a_token(shut_page: Running, path: str) -> None:
    refused(
        shut_page.exchange(f"GET {path} HTTP/1.1\r\nConnection: close\r\nHost: {shut_page.host}\r\n\r\n".encode()),
        of={401},
    )
    in_query = f"GET {path}?token={TOKEN} HTTP/1.1\r\nConnection: close\r\nHost: {shut_page.host}\r\n\r\n"
    refused(shut_page.exchange(in_query.encode()), of={401})


def test_whoever_guesses_has_to_wait(launched: Callable[..., Running]) -> None:
    page = launched(TOKEN)
    for _ in range(4):
        assert page.ask("/last", source="127.0.3.1", Authorization="Bearer guess").status == 401
    for guess in [f"Bearer guess-{number}" for number in range(21)] + [f"Bearer {TOKEN}"]:
        answer = page.ask("/last", source="127.0.3.1", Authorization=guess)
        assert answer.status == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert page.ask("/login", method="POST", body=f"token={TOKEN}".encode(), source="127.0.3.1").status == 429
    assert page.ask("/last", source="127.0.3.2", Authorization=f"Bearer {TOKEN}").status == 200


@pytest.mark.parametrize("method", METHODS)
def test_only_reading_is_answered(open_page: Running, method: str) -> None:
    refused(
        open_page.exchange(f"{method} /last HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\n\r\n".encode()),
        of={400, 405},
    )


@pytest.mark.parametrize("form", SMUGGLED)
def test_no_second_request_is_smuggled(open_page: Running, form: str) -> None:
    request = form.format(n=len(SECOND), s=SECOND)
    line, end, rest = request.partition("\n")
    raw = open_page.exchange(f"{line}{end}Connection: close\r\nHost: {open_page.host}\r\n{rest}".encode("latin-1"))
    if form.startswith("GET / HTTP/1.1\r\nX\x00"):
        refused(raw, of={400})
    refused(raw, of={0, 400, 404, 405, 421, 505})


@pytest.mark.parametrize("number", range(len(HEADS)))
def test_heads_have_a_form_and_a_length(open_page: Running, number: int) -> None:
    raw = open_page.exchange(
        f"GET /last HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\n{HEADS[number]}\r\n\r\n".encode(
            "latin-1"
        )
    )
    refused(raw, of={0, 400, 431})


@pytest.mark.parametrize("size", [1 << power for power in range(1, 24)])
def test_bodies_are_not_read(open_page: Running, shut_page: Running, size: int) -> None:
    head = f"GET /last HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\nContent-Length: {size}\r\n\r\n"
    refused(open_page.exchange(head.encode() + b"x" * min(size, 1 << 20)), of={0, 400})
    form = f"POST /login HTTP/1.1\r\nConnection: close\r\nHost: {shut_page.host}\r\nContent-Length: {size}\r\n\r\n".encode()
    raw = shut_page.exchange(form + b"x" * min(size, 1 << 20), source=f"127.0.2.{size.bit_length()}")
    assert raw[:13] in {b"", b"HTTP/1.1 401 "}
    assert SECRET not in raw


@pytest.mark.parametrize("length", range(1024, 15_000, 700))
def test_long_paths_are_refused(open_page: Running, length: int) -> None:
    refused(
        open_page.exchange(
            f"GET /{'a' * length} HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\n\r\n".encode()
        ),
        of={414},
    )


@pytest.mark.parametrize("limit", ["-1", "1.5", "x", "", "1e3", "9" * 30, "0x10", "1;drop", "%00", "\xb2"])
@pytest.mark.parametrize("name", ["after", "limit"])
def test_events_are_asked_by_numbers(open_page: Running, name: str, limit: str) -> None:
    raw = open_page.exchange(
        f"GET /api/events?{name}={limit} HTTP/1.1\r\nConnection: close\r\nHost: {open_page.host}\r\n\r\n".encode(
            "latin-1"
        )
    )
    refused(raw, of={400})


def test_slow_clients_are_closed(open_page: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_fer.appliance.page.connections.ANSWERED_WITHIN_S", 0.3)
    beginnings = [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"\x16\x03\x01"]
    with contextlib.ExitStack() as open_ones:
        slow = [open_ones.enter_context(open_page.connect()) for _ in range(20)]
        for number, connection in enumerate(slow):
            connection.sendall(beginnings[number % len(beginnings)])
        assert open_page.ask("/health").status == 200
        assert all(ends(connection) for connection in slow)


def test_a_slow_form_is_closed(shut_page: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_fer.appliance.page.connections.ANSWERED_WITHIN_S", 0.3)
    with contextlib.ExitStack() as open_ones:
        slow = [open_ones.enter_context(shut_page.connect()) for _ in range(20)]
        for connection in slow:
            connection.sendall(
                f"POST /login HTTP/1.1\r\nConnection: close\r\nHost: {shut_page.host}\r\nContent-Length: 9\r\n\r\nt".encode()
            )
        assert all(ends(connection) for connection in slow)
    assert shut_page.ask("/health").status == 200


def test_many_connections_keep_nobody_out(open_page: Running) -> None:
    with contextlib.ExitStack() as open_ones:
        for _ in range(150):
            open_ones.enter_context(open_page.connect())
        for _ in range(20):
            assert open_page.ask("/health").status == 200


@pytest.mark.parametrize("number", range(len(MESSAGES)))
@pytest.mark.parametrize("opcode", [1, 2])
def test_messages_that_no_page_sends_end_the_connection(open_page: Running, number: int, opcode: int) -> None:
    with viewing(open_page) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(frame(MESSAGES[number], opcode))
        assert ends(connection)


BROKEN_FRAMES = [
    *(frame(b"x", opcode) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *(frame(b"x", first_bits=0x80 | bits) for bits in (0x40, 0x20, 0x10)),
    frame(b"x", masked=False), frame(b"x" * 126, 9), frame(b"", 9, first_bits=0), frame(b"\xff\xfe"), frame(b"x", 0),
    frame(b"x", 1, first_bits=0) + frame(b"x", 1), frame(b"\x03", 8), frame(b"\x00\x00", 8), frame(b"\x03\xe8\xff", 8),
    b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81\xfe\xff\xff", frame(b"x" * 1000, 1, first_bits=0) * 3,
    b"GET /last HTTP/1.1\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN_FRAMES)
def test_broken_frames_end_the_connection(open_page: Running, content: bytes) -> None:
    with viewing(open_page) as connection:
        connection.sendall(content)
        assert ends(connection)


FLOODS = [
    frame(b'{"pictures":true}'),
    frame(b"", 9),
    frame(b"x" * 125, 9),
    frame(b"", 10),
    frame(b"x", 1, first_bits=0),
]


@pytest.mark.parametrize("number", range(20))
def test_floods_end_the_connection(open_page: Running, number: int) -> None:
    with viewing(open_page) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(FLOODS[number % len(FLOODS)] * 40_000)
        assert ends(connection)


HALF_HANDSHAKES = [
    {"Sec_WebSocket_Key": ""}, {"Sec_WebSocket_Key": "short"}, {"Sec_WebSocket_Version": "8"}, {"Sec_WebSocket_Version": ""},
    {"Sec_WebSocket_Key": "x" * 500}, {"Upgrade": "h2c", "Connection": "Upgrade, close"}, {"Connection": "close"}, {"Sec_WebSocket_Version": "99999"},
]  # fmt: skip


@pytest.mark.parametrize("headers", HALF_HANDSHAKES)
def test_half_handshakes_are_refused(open_page: Running, headers: dict[str, str]) -> None:
    refused(open_page.exchange(handshake(open_page, **headers)), of={400, 404, 426})


def test_viewers_are_few(open_page: Running) -> None:
    with contextlib.ExitStack() as open_ones:
        for _ in range(8):
            open_ones.enter_context(viewing(open_page))
        for _ in range(20):
            with viewing(open_page) as one_more:
                assert ends(one_more)


def test_one_that_does_not_read_delays_nobody(open_page: Running) -> None:
    picture = os.urandom(300_000)
    with viewing(open_page) as slow, viewing(open_page) as quick:
        for connection in (slow, quick):
            connection.sendall(frame(b'{"pictures":true}'))
        for _ in range(100):
            open_page.show(picture)
        open_page.show(picture, dropped=4711)
        while b'"dropped":4711' not in quick.recv(1 << 16):
            quick.sendall(frame(b'{"pictures":false}'))
            time.sleep(0.02)


def test_nothing_of_all_this_fills_the_log(open_page: Running, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/\xff", "/last"):
        for _ in range(20):
            open_page.exchange(f"GET {path} HTTP/1.1\r\nHost: evil\r\nX\r\n\r\n".encode("latin-1"))
    for content in BROKEN_FRAMES:
        with viewing(open_page) as connection:
            connection.sendall(content)
            ends(connection)
    assert len(caplog.records) <= 1


def test_nothing_piles_up(open_page: Running) -> None:
    before = threading.active_count()
    for _ in range(20):
        with viewing(open_page) as connection:
            connection.sendall(frame(json.dumps({"pictures": True}).encode()))
    assert open_page.ask("/api/status").json()["viewers"] <= 8
    assert threading.active_count() <= before + 4
