"""The gate: refuses whatever is not meant for the page before any other code sees it, and adds headers to answers.

What browsers can be made to send from other sites' pages is refused by ``Host`` (a name that an attacker's DNS points
at this device) and ``Origin`` (a WebSocket or a form of another site).
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from edge_fer.appliance.page.access import Guesses, Token
    from edge_fer.appliance.page.settings import PageSettings

COOKIE: Final = "edge-fer-session"
LONGEST_TARGET: Final = 1024
"""Most characters of a path with its query."""
MAX_HEAD_BYTES: Final = 16 << 10
"""Longest head of a request."""
MAX_HEADERS: Final = 64
VERSIONS: Final = frozenset({"1.0", "1.1"})
SIGN_IN: Final = "/login"
OPEN_PREFIX: Final = "/static/"
"""Files that are the same on every device, and that the sign-in needs: open to all who may ask at all."""
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), payment=(), display-capture=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NO_STORE: Final = "no-store"


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused."""

    status: HTTPStatus
    error: str
    """In words, with what to do."""
    retry_after_s: int | None = None


class Gate:
    """Lets requests through to *app*. One for all connections."""

    def __init__(self, app: ASGIApp, settings: PageSettings, token: Token | None, guesses: Guesses) -> None:
        self._app = app
        self._settings = settings
        self._token = token
        self._guesses = guesses
        self._hosts = frozenset({"localhost", settings.bind, *(host.lower() for host in settings.hosts)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or let it through."""
        if scope["type"] not in {"http", "websocket"}:
            return
        headers = _Headers(scope["headers"])
        refusal = self._refusal(scope, headers)
        if refusal is None:
            scope["signed_in"] = self._may_look(scope, headers)
            if not scope["signed_in"] and not _is_open(scope):
                refusal = self._no_token(scope, headers)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(refusal, _with_headers(send))

    def _refusal(self, scope: Scope, headers: _Headers) -> Refusal | None:
        """Return why nobody may ask this, whoever it is."""
        too_large = _too_large(scope)
        if too_large is not None:
            return too_large
        host = headers.only("host")
        if host is None or not self._is_own_host(host, scope):
            return Refusal(
                HTTPStatus.MISDIRECTED_REQUEST, "this device has another name; ask for that, or add it to hosts"
            )
        origin = headers.only("origin")
        own = f"{'https' if self._settings.encrypted else 'http'}://{host.lower()}"
        if headers.has("origin") and (origin is None or origin.lower() != own):
            return Refusal(HTTPStatus.FORBIDDEN, "pages of other sites may not ask")
        if scope["type"] == "websocket":
            if origin is None:
                return Refusal(HTTPStatus.FORBIDDEN, "a WebSocket needs the page's own Origin")
            return None
        return _unusual(scope, headers)

    def _is_own_host(self, host: str, scope: Scope) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name = (parts.hostname or "").removesuffix(".")
            _ = parts.port
        except ValueError:
            return False
        if parts.netloc != host or parts.username is not None or parts.password is not None:
            return False
        # An address cannot be made to point elsewhere: who asks for the one that was reached means this device.
        reached = scope.get("server") or ("", None)
        return name in self._hosts or name == _plain(reached[0])

    def _may_look(self, scope: Scope, headers: _Headers) -> bool:
        """Return whether whoever asks may see what the camera sees. Counts wrong tokens."""
        if self._token is None:
            return True
        session = _session(headers)
        if session is not None and self._token.is_session(session):
            return True
        if self._settings.trust_this_device and _is_this_device(scope, headers):
            return True
        given = headers.only("authorization")
        address = _address(scope)
        if given is None or self._guesses.wait_s(address) > 0:
            return False
        scheme, _, secret = given.partition(" ")
        if scheme.lower() == "bearer" and self._token.is_token(secret.strip().encode("latin-1")):
            return True
        self._guesses.wrong(address)
        return False

    def _no_token(self, scope: Scope, headers: _Headers) -> Refusal:
        wait_s = self._guesses.wait_s(_address(scope))
        if headers.has("authorization") and wait_s > 0:
            return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong tokens; wait", int(wait_s) + 1)
        return Refusal(HTTPStatus.UNAUTHORIZED, "give the token as Authorization: Bearer, or sign in at /")


class _Headers:
    """The headers of a request."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def has(self, name: str) -> bool:
        return name in self._values

    def only(self, name: str) -> str | None:
        """Return the value of a header that is there once."""
        values = self._values.get(name, [])
        return values[0] if len(values) == 1 else None


def _too_large(scope: Scope) -> Refusal | None:
    """Return what is wrong with the size of a request."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_TARGET:
        return Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, f"the path has more than {LONGEST_TARGET} characters")
    head_bytes = sum(len(name) + len(value) for name, value in scope["headers"])
    if head_bytes > MAX_HEAD_BYTES or len(scope["headers"]) > MAX_HEADERS:
        return Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the headers are more than {MAX_HEADERS}, or have more than {MAX_HEAD_BYTES} bytes",
        )
    return None


def _unusual(scope: Scope, headers: _Headers) -> Refusal | None:
    """Return what is wrong with the form of a request."""
    if scope["http_version"] not in VERSIONS:
        return Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this version of HTTP is not spoken here; use 1.1")
    signs_in = scope["path"] == SIGN_IN and scope["method"] == "POST"
    if scope["method"] not in {"GET", "HEAD"} and not signs_in:
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered")
    if headers.has("transfer-encoding") or (not signs_in and headers.only("content-length") not in {None, "0"}):
        return Refusal(HTTPStatus.BAD_REQUEST, "a request has no body here")
    return None


def _is_open(scope: Scope) -> bool:
    """Return whether everybody may have this: it tells nothing about anybody."""
    if scope["type"] == "websocket":
        return False
    path = scope["path"]
    # The page itself asks for the token then. Programs on this device may ask for the health: they restart it.
    health = path == "/health" and _is_loopback(_address(scope))
    return path in {"/", SIGN_IN} or path.startswith(OPEN_PREFIX) or health


def _session(headers: _Headers) -> str | None:
    try:
        morsel = SimpleCookie(headers.only("cookie")).get(COOKIE)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def _is_this_device(scope: Scope, headers: _Headers) -> bool:
    """Return whether a program on this device asks, not for somebody else as a proxy does."""
    forwarded = headers.has("forwarded") or headers.has("x-forwarded-for") or headers.has("x-real-ip")
    return _is_loopback(_address(scope)) and not forwarded


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return "" if client is None else _plain(client[0])


def _plain(address: str) -> str:
    """Return *address* without what ``::ffff:`` and ``%eth0`` add to it."""
    return address.partition("%")[0].removeprefix("::ffff:")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            _add_headers(message)
        await send(message)

    return sending


def _add_headers(message: MutableMapping[str, object]) -> None:
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", []))  # type: ignore[call-overload]
    present = {name for name, _ in headers}
    for name, value in HEADERS.items():
        headers.append((name.encode(), value.encode()))
    if b"cache-control" not in present:
        headers.append((b"cache-control", NO_STORE.encode()))
    message["headers"] = headers


async def _refuse(refusal: Refusal, send: Send) -> None:
    content = json.dumps({"error": refusal.error}).encode() + b"\n"
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        # What else this connection may send is not worth reading.
        (b"connection", b"close"),
    ]
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"GET, HEAD"))
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    await send({"type": "http.response.start", "status": refusal.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": content})
