"""Webhooks: each event is posted to a web server as JSON, signed where there is a key.

======================  ===============================================================================================
``Edge-Fer-Event``      kind of the event: ``face``, ``alert``, ``health``, ``notice``
``Edge-Fer-Delivery``   the same for each try of one event, so that a server can tell a repetition
``Edge-Fer-Signature``  ``t=SECONDS,v1=HEX``: seconds since 1970, and the HMAC-SHA256 with the shared key over these
                        seconds as text, a dot, and the body
======================  ===============================================================================================

An answer of 200 to 299 takes the event. 408, 425, 429, 500 and above, and no answer at all are tried again, later and
later. Any other answer, redirects among them, refuses the event: it is given up and counted.
"""

from __future__ import annotations

import contextlib
import email.utils
import hashlib
import hmac
import http.client
import logging
import random
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import edge_fer
from edge_fer.appliance.outlets import payload
from edge_fer.errors import OutletError, one_line
from edge_fer.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets.settings import WebhookSettings

log = logging.getLogger(__name__)

LATER: Final = frozenset({408, 425, 429})
"""Answers below 500 that ask for another try."""
SERVER_ERROR: Final = 500
MAX_DOUBLINGS: Final = 20


class WebhookOutlet:
    """Posts events to one address. Tries one event until it is taken, refused, or tried too often.

    *now* and *wall* are the monotonic clock and that of the signatures, *share* a random number in [0, 1).
    """

    def __init__(
        self,
        settings: WebhookSettings,
        secret: str | None = None,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        share: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._now = now
        self._wall = wall
        self._share = share
        self._parts = urlsplit(settings.url)
        self.name = f"webhook {self._parts.hostname}"
        self.deadline_s = settings.deadline_s
        self.refused = 0
        self._tls: ssl.SSLContext | None = None
        self._is_open = False
        self._tried = ""
        """Delivery that has failed so far, and how often."""
        self._failures = 0
        self._not_before_s = float("-inf")
        self._reason = ""

    def open(self) -> None:
        """Prepare; the server is asked when there is something to send. Raises `OutletError`."""
        self._wait_for_turn()
        if self._parts.scheme == "https" and self._tls is None:
            try:
                self._tls = ssl.create_default_context(cafile=self._settings.ca_file)
            except (OSError, ValueError) as exc:
                path = self._settings.ca_file or "the system's certificates"
                raise OutletError(f"{path} cannot be used: {one_line(exc)}; check ca_file") from exc
        self._is_open = True

    def send(self, event: Event) -> None:
        """Post *event*, if its kind is wanted. Raises `OutletError`."""
        if not self._is_open:
            raise OutletError(f"{self.name} is not open")
        if event.kind not in self._settings.kinds:
            return
        self._wait_for_turn()
        body = payload.encoded(payload.fields(event, scores=self._settings.scores))
        delivery = hashlib.sha256(body).hexdigest()[:32]
        headers = {"Edge-Fer-Event": event.kind.value, "Edge-Fer-Delivery": delivery}
        asked_s = 0.0
        try:
            status, asked_s = self._post(body, headers)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            failure = f"{self.name} does not answer: {one_line(exc) or type(exc).__name__}"
        else:
            failure = f"{self.name} answers {status} {http.client.responses.get(status, '')}".rstrip()
            if 200 <= status < 300:
                self._forget()
                return
            if status < SERVER_ERROR and status not in LATER:
                self._give_up(failure)
                return
        self._postpone(delivery, failure, asked_s)

    def close(self) -> None:
        """Send nothing more. No connection outlives an event."""
        self._is_open = False

    def _wait_for_turn(self) -> None:
        left_s = self._not_before_s - self._now()
        if left_s > 0:
            raise OutletError(self._reason)

    def _postpone(self, delivery: str, failure: str, asked_s: float) -> None:
        """Raise `OutletError` with *failure*, and allow the next try later; give up after too many."""
        if delivery != self._tried:
            self._failures = 0
            self._tried = delivery
        self._failures += 1
        if self._failures >= self._settings.tries:
            # The next event begins with the longest pause: the server has been failing for a while.
            self._give_up(f"{failure}, {counted(self._failures, 'time')}")
            self._not_before_s = self._now() + self._settings.max_pause_s * self._jitter()
            self._reason = failure
            return
        doubled = self._settings.first_pause_s * 2 ** min(self._failures - 1, MAX_DOUBLINGS)
        pause_s = min(max(doubled * self._jitter(), asked_s), self._settings.max_pause_s)
        self._not_before_s = self._now() + pause_s
        self._reason = failure
        raise OutletError(failure)

    def _jitter(self) -> float:
        """Return a factor from 0.5 to 1: a thousand devices must not come back in the same second."""
        return 0.5 + self._share() / 2

    def _forget(self) -> None:
        self._tried = ""
        self._failures = 0
        self._not_before_s = float("-inf")

    def _give_up(self, failure: str) -> None:
        self.refused += 1
        self._forget()
        log.warning("an event was given up: %s", failure)

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, float]:
        """Post *body*. Return the status of the answer, and the seconds after which the server wants to be asked again.

        Raises `OSError`, `http.client.HTTPException` or `ValueError`.
        """
        target = self._parts.path or "/"
        if self._parts.query:
            target += f"?{self._parts.query}"
        with self._connected() as connection:
            headers |= {"Content-Type": "application/json", "User-Agent": f"edge-fer/{edge_fer.__version__}"}
            headers |= {"Connection": "close"} | self._signature(body)
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            asked_s = self._asked_s(answer.getheader("Retry-After"))
            answer.close()
            return answer.status, asked_s

    def _signature(self, body: bytes) -> dict[str, str]:
        if self._secret is None:
            return {}
        seconds = int(self._wall())
        return {"Edge-Fer-Signature": f"t={seconds},v1={signature(self._secret, seconds, body)}"}

    def _asked_s(self, header: str | None) -> float:
        """Return the seconds that *header*, a Retry-After, asks to wait: a number, or a date."""
        if header is None:
            return 0.0
        if header.strip().isdecimal():
            return float(header)
        try:
            return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - self._wall())
        except ValueError:
            return 0.0

    @contextlib.contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        """Yield a connection that is cut when the deadline is over, however slowly the server answers."""
        host = str(self._parts.hostname)
        until_s = time.monotonic() + self._settings.deadline_s
        if self._tls is None:
            connection = http.client.HTTPConnection(host, self._parts.port)
        else:
            connection = http.client.HTTPSConnection(host, self._parts.port, context=self._tls)
        plain = socket.create_connection((host, connection.port), self._settings.deadline_s)
        # An own connection, since a library's timeout begins anew with every byte that comes.
        connection.sock = plain
        if self._tls is not None:
            connection.sock = self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        cut = threading.Timer(max(0.0, until_s - time.monotonic()), _cut, [connection.sock])
        cut.start()
        try:
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            yield connection
        except (OSError, http.client.HTTPException) as exc:
            if time.monotonic() >= until_s:
                raise TimeoutError(f"no answer within {self._settings.deadline_s:g} s") from exc
            raise
        finally:
            cut.cancel()
            cut.join()
            connection.close()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """Return the signature of *body* at *seconds* since 1970, as hexadecimal digits."""
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()


def _cut(connection: socket.socket) -> None:
    # Not by the method of a TLS socket, which would also pull the encryption away under the thread that reads.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
