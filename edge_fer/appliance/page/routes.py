"""What is answered at which path. The gate has let these requests through."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from edge_fer import host
from edge_fer.appliance.page.access import SESSION_S, Guesses, Token
from edge_fer.appliance.page.gate import COOKIE
from edge_fer.appliance.page.viewers import STATUS_EVERY_S, TOO_MANY, Feed, Relay, Viewer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from edge_fer.appliance.latest import Latest
    from edge_fer.appliance.page.documents import Documents
    from edge_fer.appliance.page.settings import PageSettings

ANSWERED_WITHIN_S: Final = 5.0
"""Time that the store and the like may take for an answer."""
ASKED_AT_ONCE: Final = 4
"""Most threads that wait for them."""
MAX_EVENTS: Final = 1000
MAX_FORM_BYTES: Final = 1024
HTML: Final = "text/html; charset=utf-8"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
FOR_EVER: Final = "public, max-age=31536000, immutable"
"""Static files stand below a path that changes with them."""

_Answer = TypeVar("_Answer")
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """The parts of the service that answers come from."""

    latest: Latest
    status: Callable[[], dict[str, Any]]
    metrics: Callable[[], bytes]
    events: Callable[[int | None, int], list[dict[str, Any]]]


class Answers:
    """Answers requests, and serves viewers."""

    def __init__(self, settings: PageSettings, asked: Asked, documents: Documents, relay: Relay) -> None:
        self._settings = settings
        self._asked = asked
        self._documents = documents
        self._relay = relay
        self._limit = anyio.CapacityLimiter(ASKED_AT_ONCE)
        self._status: dict[str, Any] = {}
        self._status_until_s = 0.0

    async def page(self, request: Request) -> Response:
        """Answer ``/``: the page, or the form that asks for the token."""
        language = self._language(request)
        signed_in: bool = request.scope["signed_in"]
        content = self._documents.page(language) if signed_in else self._documents.sign_in(language)
        status = HTTPStatus.OK if signed_in else HTTPStatus.UNAUTHORIZED
        return Response(content, status, {"vary": "Accept-Language, Cookie"}, media_type=HTML)

    async def static(self, request: Request) -> Response:
        """Answer a file that the page needs."""
        file = self._documents.files.get(request.path_params["name"])
        if file is None or request.path_params["version"] != self._documents.version:
            return _error(HTTPStatus.NOT_FOUND, "there is no such file")
        return Response(file.content, headers={"cache-control": FOR_EVER}, media_type=file.kind)

    async def health(self, _: Request) -> Response:
        """Answer 200 if frames come, 503 if not."""
        status = await self._now()
        good = status.get("status") in {"ok", "degraded"}
        return _json(status, HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)

    async def first(self, _: Request) -> Response:
        """Answer the record of the first frame, null if none came."""
        moment = self._asked.latest.first()
        return _json(None if moment is None else moment.record)

    async def last(self, _: Request) -> Response:
        """Answer the record of the newest frame, null if none came."""
        moment = self._asked.latest.get()[1]
        return _json(None if moment is None else moment.record)

    async def status(self, _: Request) -> Response:
        """Answer what the page shows besides faces."""
        return _json(await self.told())

    async def events(self, request: Request) -> Response:
        """Answer the events after one, or the newest."""
        try:
            after = _number(request, "after")
            limit = _number(request, "limit")
        except ValueError:
            return _error(HTTPStatus.BAD_REQUEST, "after and limit are whole numbers from 0")
        limit = MAX_EVENTS if limit is None else min(limit, MAX_EVENTS)
        events = await self._ask(self._asked.events, after, limit)
        # A browser's clock is another one: what counts is how long ago an event was.
        return _json({"now": datetime.now(UTC).isoformat(timespec="milliseconds"), "events": events})

    async def metrics(self, _: Request) -> Response:
        """Answer the figures for Prometheus."""
        return Response(await self._ask(self._asked.metrics), headers={"content-type": PROMETHEUS})

    async def view(self, socket: WebSocket) -> None:
        """Serve a page for as long as it is open."""
        await socket.accept()
        if len(self._relay) >= self._settings.max_viewers:
            await socket.close(TOO_MANY)
            return
        feed = Feed(
            hello={"type": "hello", "version": self._documents.version},
            status=self.told,
            interval_s=1 / self._settings.picture_fps,
            pictures=self._settings.pictures,
        )
        viewer = Viewer(socket, feed)
        self._relay.join(viewer)
        try:
            await viewer.serve()
        finally:
            self._relay.leave(viewer)

    async def told(self) -> dict[str, Any]:
        """Return the status as pages receive it, a second old at most."""
        try:
            health = await self._now()
        except TimeoutError:
            health = {"status": "no frames", "reason": "the service does not answer", "parts": {}}
        return {"type": "status", "health": health, "temperature_c": host.temperature_c(), "viewers": len(self._relay)}

    async def _now(self) -> dict[str, Any]:
        now = anyio.current_time()
        if now >= self._status_until_s:
            self._status = await self._ask(self._asked.status)
            self._status_until_s = now + STATUS_EVERY_S / 2
        return self._status

    async def _ask(self, question: Callable[..., _Answer], *arguments: Any) -> _Answer:
        """Call *question* in a thread. Raises `TimeoutError`; the thread is then left to itself."""
        with anyio.fail_after(ANSWERED_WITHIN_S):
            return await to_thread.run_sync(question, *arguments, abandon_on_cancel=True, limiter=self._limit)

    def _language(self, request: Request) -> str:
        return self._documents.language(
            request.query_params.get("language"), request.headers.get("accept-language", "")
        )


class SignIn:
    """Gives a session for the token."""

    def __init__(self, settings: PageSettings, documents: Documents, token: Token | None, guesses: Guesses) -> None:
        self._encrypted = settings.encrypted
        self._documents = documents
        self._token = token
        self._guesses = guesses

    async def answer(self, request: Request) -> Response:
        """Answer the form: the page with a cookie, or the form again."""
        if self._token is None or request.method != "POST":
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        address = "" if request.client is None else request.client.host
        if self._guesses.wait_s(address) > 0:
            return self._form(request, HTTPStatus.TOO_MANY_REQUESTS, "sign_in_wait")
        given = await _form_field(request, "token")
        if given is None or not self._token.is_token(given.encode()):
            self._guesses.wrong(address)
            return self._form(request, HTTPStatus.UNAUTHORIZED, "sign_in_wrong")
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        session = self._token.new_session()
        answer.set_cookie(
            COOKIE, session, SESSION_S, secure=self._encrypted, httponly=True, samesite="strict", path="/"
        )
        return answer

    def _form(self, request: Request, status: HTTPStatus, fault: str) -> Response:
        language = self._documents.language(None, request.headers.get("accept-language", ""))
        return Response(self._documents.sign_in(language, fault), status, media_type=HTML)


def application(answers: Answers, sign_in: SignIn) -> Starlette:
    """Return the application."""
    routes = [
        Route("/", answers.page),
        Route("/login", sign_in.answer, methods=["GET", "POST"]),
        Route("/static/{version}/{name}", answers.static),
        Route("/health", answers.health),
        Route("/first", answers.first),
        Route("/last", answers.last),
        Route("/api/status", answers.status),
        Route("/api/events", answers.events),
        Route("/metrics", answers.metrics),
        WebSocketRoute("/ws", answers.view),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(GZipMiddleware, minimum_size=1000)],
        exception_handlers={HTTPStatus.NOT_FOUND: _not_found, TimeoutError: _too_late, Exception: _broken},
    )
    app.router.redirect_slashes = False
    return app


def _json(content: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JSONResponse(content, status)


def _error(status: HTTPStatus, error: str) -> Response:
    return JSONResponse({"error": error}, status)


async def _not_found(_: Request, __: Exception) -> Response:
    return _error(HTTPStatus.NOT_FOUND, "ask for /, /health, /first, /last, /api/status, /api/events or /metrics")


async def _too_late(_: Request, __: Exception) -> Response:
    return _error(HTTPStatus.SERVICE_UNAVAILABLE, f"the service gave no answer within {ANSWERED_WITHIN_S:.0f} s")


async def _broken(request: Request, exc: Exception) -> Response:
    _log.error("%s cannot be answered", request.url.path, exc_info=exc, extra={"kind": "page"})
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "this cannot be answered; the service's log says why")


def _number(request: Request, name: str) -> int | None:
    """Return a number of the query. Raises `ValueError` for anything else."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(text)
    return int(text)


async def _form_field(request: Request, name: str) -> str | None:
    """Return a field of a short form; None if it is not there once."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_FORM_BYTES:
            return None
    try:
        values = parse_qs(content.decode(), strict_parsing=True, max_num_fields=4).get(name, [])
    except ValueError:
        return None
    return values[0] if len(values) == 1 else None
