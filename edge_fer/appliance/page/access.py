"""Who may ask: the token, the sessions of browsers that gave it, and what happens to those who guess."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from edge_fer.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_TOKEN: Final = 16
LONGEST_TOKEN: Final = 256
SESSION_S: Final = 30 * 86_400
"""How long a browser stays signed in."""
GUESSES: Final = 5
"""Wrong tokens that one address may send at once."""
GUESS_EVERY_S: Final = 10.0
"""Seconds after which it may send one more."""
ADDRESSES: Final = 1024
"""Most addresses whose guesses are remembered; the oldest is forgotten first."""


class Token:
    """The secret that viewers must give. A browser gets a session for it, so that it need not keep the token.

    Sessions are signed with the token and kept nowhere: they outlive a restart of the service, and end when the token
    is changed. Raises `BadInput` for a token that is too short to keep anybody out, or cannot be sent in a header.
    """

    def __init__(self, token: str, now: Callable[[], float] = time.time) -> None:
        if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN:
            raise BadInput(
                f"the page's token has {len(token)} characters; choose one of {SHORTEST_TOKEN} to {LONGEST_TOKEN}, "
                "as openssl rand -hex 16 prints it"
            )
        if not token.isascii() or not token.isprintable() or " " in token:
            raise BadInput("the page's token has a space or a character beyond ASCII; choose letters and digits")
        self._token = token.encode()
        self._now = now

    def is_token(self, given: bytes) -> bool:
        """Return whether *given* is the token, in a time that tells nothing."""
        return hmac.compare_digest(given, self._token)

    def new_session(self) -> str:
        """Return a session that holds for `SESSION_S`."""
        expires = f"{int(self._now()) + SESSION_S:x}"
        return f"{expires}.{self._signature(expires)}"

    def is_session(self, given: str) -> bool:
        """Return whether *given* is a session that was made with this token, and has not expired."""
        expires, _, signature = given.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(expires).encode()):
            return False
        return int(expires, 16) > self._now()

    def _signature(self, expires: str) -> str:
        return hmac.new(self._token, f"edge-fer session {expires}".encode(), hashlib.sha256).hexdigest()


class Guesses:
    """Counts wrong tokens by address, and says who has to wait. Whoever holds a session never has to."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._free_at: OrderedDict[str, float] = OrderedDict()
        """By address: when its guesses are all forgotten."""

    def wait_s(self, address: str) -> float:
        """Return how many seconds *address* has to wait until it may try again; 0 if it may now."""
        full_until = self._free_at.get(_network(address), 0.0) - (GUESSES - 1) * GUESS_EVERY_S
        return max(0.0, full_until - self._now())

    def wrong(self, address: str) -> None:
        """Note that *address* gave a wrong token."""
        network = _network(address)
        start = max(self._free_at.pop(network, 0.0), self._now())
        self._free_at[network] = start + GUESS_EVERY_S
        if len(self._free_at) > ADDRESSES:
            self._free_at.popitem(last=False)


def _network(address: str) -> str:
    """Return what counts as one address: of IPv6, the 64 bits that one customer can choose from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False)) if parsed.version == 6 else str(parsed)
