"""How fast the vehicle is, as somebody else tells it: in a file, or over MQTT. What nobody told of late is unknown."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge_fer.driving.speed import MAX_BYTES, MAX_KMH, OLD_AFTER_S, SpeedFile, parsed
from edge_fer.errors import EdgeFerError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_fer.appliance.outlets.broker import Broker
    from edge_fer.appliance.outlets.settings import MqttSettings
    from edge_fer.clock import Clock

PART: Final = "speed"
"""Name in the status."""
LOOK_EVERY_S: Final = 0.2
"""How often it is looked what has come."""
MAX_PAYLOAD_BYTES: Final = 1 << 16
AGAIN_S: Final = 5.0
"""Pause after a broker could not be reached."""
JOIN_S: Final = 1.0


class Tells(Protocol):
    """Is told how the speed's source is."""

    def works(self, part: str) -> None:
        """Take note that *part* works."""

    def fails(self, part: str, fault: str) -> None:
        """Take note that *part* does not, and why."""


class Speed(Protocol):
    """Where the speed comes from."""

    def tick(self) -> None:
        """Look for news; to be called a few times a second."""

    def kmh(self) -> float | None:
        """Return the speed in km/h; None if it is unknown."""

    def close(self) -> None:
        """Look no more."""


class FileSpeed:
    """The number in a text file."""

    def __init__(self, path: Path, tells: Tells, clock: Clock) -> None:
        self._path = path
        self._tells = tells
        self._file = SpeedFile(path, clock)
        self._kmh: float | None = None

    def tick(self) -> None:
        """Read the file, if it is time."""
        # Here, in one thread, and not where frames come: a disk may take its time.
        self._kmh = self._file.read()
        if self._kmh is None:
            self._tells.fails(PART, f"{self._path} has told no speed for {OLD_AFTER_S:g} s")
        else:
            self._tells.works(PART)

    def kmh(self) -> float | None:
        """Return the speed in km/h; None if it is unknown."""
        return self._kmh

    def close(self) -> None:
        """Nothing is open."""


class MqttSpeed:
    """The number in the newest message of *topic*; a thread waits for the broker.

    *secret* returns the broker's password, if it needs one, and may raise `EdgeFerError`.
    """

    def __init__(
        self,
        settings: MqttSettings,
        topic: str,
        key: str | None,
        secret: Callable[[], str | None],
        tells: Tells,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._key = key
        self._secret = secret
        self._tells = tells
        self._clock = clock
        self._closing = threading.Event()
        self._newest: tuple[float, float] | None = None
        """When it came, and the speed: one value, since two threads use it."""
        self._fault = "nothing yet"
        self._thread = threading.Thread(target=self._run, name="speed", daemon=True)
        self._thread.start()

    def tick(self) -> None:
        """Do nothing: the thread looks."""

    def kmh(self) -> float | None:
        """Return the speed in km/h; None if it is unknown."""
        newest = self._newest
        return newest[1] if newest is not None and self._clock.now() - newest[0] <= OLD_AFTER_S else None

    def close(self) -> None:
        """Disconnect; a broker that hangs is left to itself."""
        self._closing.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except Exception as exc:  # noqa: BLE001  (whatever a library raises, the next try may succeed)
                words = str(exc) if isinstance(exc, EdgeFerError) else f"{type(exc).__name__}: {one_line(exc)}"
                self._tells.fails(PART, words)
                self._closing.wait(AGAIN_S)

    def _listen(self) -> None:
        """Take what comes until the end. Raises `EdgeFerError` once the broker is gone."""
        from edge_fer.appliance.outlets.broker import Broker

        name = self._settings.client_id or f"edge-fer-{socket.gethostname()}"
        broker = Broker(self._settings, self._secret(), f"{name}-speed")
        try:
            broker.connect()
            broker.subscribe([self._topic], retained=False)
            while not self._closing.wait(LOOK_EVERY_S):
                broker.check()
                self._take(broker)
        finally:
            broker.close(None)

    def _take(self, broker: Broker) -> None:
        for _, payload in broker.taken():
            try:
                self._newest = self._clock.now(), number(_value(payload, self._key))
                self._fault = f"nothing for {OLD_AFTER_S:g} s"
            except ValueError as exc:
                self._newest = None
                self._fault = f"no speed: {exc}"
        if self.kmh() is None:
            self._tells.fails(PART, f"{self._topic} tells {self._fault}")
        else:
            self._tells.works(PART)


def number(text: bytes) -> float:
    """Return the speed in *text*. Raises `ValueError` for what is none."""
    kmh = parsed(text[:MAX_BYTES])
    if kmh is None:
        raise ValueError(f"{text[:MAX_BYTES]!r} is no number from 0 to {MAX_KMH:g}")
    return kmh


def _value(payload: bytes, key: str | None) -> bytes:
    """Return the text of the number in *payload*. Raises `ValueError`."""
    if key is None:
        return payload
    try:
        content: Any = json.loads(payload[:MAX_PAYLOAD_BYTES])
        value = content[key]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ValueError(f"{payload[:MAX_BYTES]!r} is no JSON with {key}") from exc
    if isinstance(value, bool):
        raise ValueError(f"{key} is {value}")  # noqa: TRY004  (a message that is wrong, not code)
    return str(value).encode()
