"""Runs the page: a server in a thread, with an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from edge_fer.dependencies import require
from edge_fer.errors import BadInput, OutletError, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    import uvicorn

    from edge_fer.appliance.latest import Latest
    from edge_fer.appliance.page.settings import Drive, PageSettings

NEEDS: Final = ("starlette", "uvicorn", "websockets")
STARTED_WITHIN_S: Final = 10.0
STOPPED_WITHIN_S: Final = 5.0
GOODBYE_S: Final = 1
"""Time that answers which have begun get when the page stops."""
BACKLOG: Final = 64
LONGEST_MESSAGE: Final = 1024
"""Bytes of a message from a viewer."""
PING_S: Final = 15.0
KEEP_OPEN_S: Final = 5
LOG_EVERY_S: Final = 60.0

_log: Final = logging.getLogger(__name__)


class Page:
    """Shows the newest moment and the state of the appliance in browsers, and answers programs.

    *events* returns the events after an id, or the newest for None, at most so many, the oldest first. *watching* is
    told whether anybody wants pictures, from a thread of the page. *token* is what viewers must give. With *drive*, it
    is the page of a driver monitor, which asks for no pictures.

    Raises `BadInput` for settings that cannot be used, and `MissingDependency`.
    """

    def __init__(
        self,
        settings: PageSettings,
        latest: Latest,
        status: Callable[[], dict[str, Any]],
        metrics: Callable[[], bytes],
        events: Callable[[int | None, int], list[dict[str, Any]]],
        token: str | None,
        watching: Callable[[bool], None],
        drive: Drive | None = None,
    ) -> None:
        require(NEEDS, "appliance", "the page")
        if token is None and not settings.only_this_device:
            raise BadInput(f"the page would answer everybody at {settings.bind}; set a token, or bind it to 127.0.0.1")
        from edge_fer.appliance.page.access import Guesses, Token
        from edge_fer.appliance.page.documents import Documents
        from edge_fer.appliance.page.gate import Gate
        from edge_fer.appliance.page.routes import Answers, Asked, SignIn, application
        from edge_fer.appliance.page.viewers import Relay

        secret = None if token is None else Token(token)
        guesses = Guesses()
        documents = Documents(settings, drive)
        self._settings = settings
        self._relay = Relay(latest, watching if settings.pictures else _ignore, 1 / settings.picture_fps)
        answers = Answers(settings, Asked(latest, status, metrics, events), documents, self._relay)
        app = application(answers, SignIn(settings, documents, secret, guesses))
        self.version: Final = documents.version
        """Stands in the paths of static files, and changes with them and with the settings."""
        self._app = Gate(app, settings, secret, guesses)
        self._port = settings.port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._noise = _Noise()

    @property
    def port(self) -> int:
        """The port that it listens at, once started."""
        return self._port

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Answer from now on. Raises `OutletError` for an address that cannot be had, `BadInput` for a certificate."""
        self._server = self._made_server()
        self._socket = _listening(self._settings.bind, self._settings.port)
        self._port = int(self._socket.getsockname()[1])
        self._thread.start()
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline_s:
                self.stop()
                raise OutletError(f"the page did not start within {STARTED_WITHIN_S:.0f} s; the log says why")
            time.sleep(0.005)

    def stop(self) -> None:
        """Answer no more. Returns within `STOPPED_WITHIN_S`."""
        self._relay.stop()
        if self._server is not None:
            self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOPPED_WITHIN_S)
        if self._socket is not None:
            self._socket.close()

    def _made_server(self) -> uvicorn.Server:
        import uvicorn

        from edge_fer.appliance.page.connections import ViewerSocket, Visit
        from edge_fer.appliance.page.gate import MAX_HEAD_BYTES

        config = uvicorn.Config(
            self._app,
            http=Visit,
            ws=ViewerSocket,
            ws_max_size=LONGEST_MESSAGE,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level=logging.CRITICAL,  # what clients do wrong would fill the journal
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_OPEN_S,
            timeout_graceful_shutdown=GOODBYE_S,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            ssl_certfile=self._settings.certificate,
            ssl_keyfile=self._settings.key,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as exc:
            raise BadInput(
                f"{self._settings.certificate} and {self._settings.key} are no certificate with its key: "
                f"{reason(exc)}; give PEM files that the service may read"
            ) from exc
        return uvicorn.Server(config)

    def _run(self) -> None:
        from edge_fer.appliance.page.connections import Loop

        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.get_loop().set_exception_handler(self._noise.heard)
                runner.run(self._serve())
        except Exception:  # noqa: BLE001 (a thread has nobody else to tell)
            _log.exception("the page has ended")

    async def _serve(self) -> None:
        if self._server is None or self._socket is None:
            return
        self._relay.start()
        await self._server.serve(sockets=[self._socket])


class _Noise:
    """Logs the event loop's complaints about connections, one a minute at most."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def heard(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LOG_EVERY_S
            _log.warning("a connection failed: %s", context.get("exception") or context.get("message"))


def _listening(address: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises `OutletError`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise OutletError(
            f"the page cannot listen at {address} port {port}: {reason(exc)}; stop what does, or set another port"
        ) from exc


def _ignore(_: bool) -> None:
    """Tell nobody: there are no pictures."""
