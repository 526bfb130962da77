"""Connections that cannot do harm: each has deadlines, and limits on what it may send; there are only so many.

uvicorn has no deadline for a request's head, and answers every ping of a WebSocket however many come.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ANSWERED_WITHIN_S: Final = 10.0
"""From a connection's first moment, and from the end of each answer, to the end of the next one."""
HANDSHAKE_WITHIN_S: Final = 5.0
"""Time for TLS to begin."""
MAX_CONNECTIONS: Final = 32
"""Connections at a time besides those of viewers. One more, and the oldest is closed."""
CLOSED_WITHIN_S: Final = 1.0
"""Time that a viewer has to agree that its connection ends."""
SOCKET_BYTES_A_SECOND: Final = 8 << 10
"""What a viewer may send in the long run; a page sends about 1 kB."""
SOCKET_BURST_BYTES: Final = 32 << 10
MAX_UNSENT_BYTES: Final = 4 << 20
"""What may wait for a viewer that does not read."""


class Visit(H11Protocol):
    """An HTTP connection."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give it a deadline, and close the oldest if there are too many."""
        super().connection_made(transport)
        self._expect_an_answer()
        visits = [visit for visit in self.connections if isinstance(visit, Visit)]
        if len(visits) > MAX_CONNECTIONS:
            oldest = min(visits, key=_deadline_of)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._expect_nothing()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand the connection over."""
        self._expect_nothing()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """Allow the next request the same time."""
        super().on_response_complete()
        self._expect_an_answer()

    def _expect_an_answer(self) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(ANSWERED_WITHIN_S, self.transport.abort)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _deadline_of(visit: Visit) -> float:
    return 0.0 if visit._deadline is None else visit._deadline.when()  # noqa: SLF001 (of the class above)


class ViewerSocket(WebSocketsSansIOProtocol):
    """The WebSocket of a page. It may send little, since each ping is answered and each message is read."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.close_timeout = CLOSED_WITHIN_S
        self._allowance = float(SOCKET_BURST_BYTES)
        self._counted_s: float | None = None

    def data_received(self, data: bytes) -> None:
        """Take data, unless there is too much of it."""
        now = self.loop.time()
        if self._counted_s is not None:
            self._allowance += (now - self._counted_s) * SOCKET_BYTES_A_SECOND
        self._allowance = min(self._allowance, SOCKET_BURST_BYTES) - len(data)
        self._counted_s = now
        if self._allowance < 0 or self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.transport.abort()
            return
        super().data_received(data)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose TLS connections must begin soon. asyncio's own time for it is a minute."""

    async def create_server(self, *arguments: Any, **options: Any) -> Any:
        """Listen as asyncio does."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", HANDSHAKE_WITHIN_S)
        return await super().create_server(*arguments, **options)
