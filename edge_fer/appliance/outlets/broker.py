"""One connection to an MQTT broker (MQTT 5). It is never connected again: a new one takes its place."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_fer.errors import OutletError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paho.mqtt.client import MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from edge_fer.appliance.outlets.settings import MqttSettings

PORT: Final = 1883
TLS_PORT: Final = 8883
AT_LEAST_ONCE: Final = 1
MAX_KEPT: Final = 16
"""Most messages from the broker that wait to be looked at; the oldest goes first."""
LARGEST: Final = 1 << 28
"""Largest packet of MQTT, in bytes."""
HEADER: Final = 64
"""Bytes of a packet besides topic and payload, at most."""
UNSPECIFIED: Final = "Unspecified error"
"""What paho says of a connection that ended without a packet of the broker."""
GOODBYE_S: Final = 0.3
"""Seconds for each of the two steps of saying goodbye."""


@dataclass(frozen=True)
class Message:
    """What is published."""

    topic: str
    payload: bytes
    retain: bool = False


class Broker:
    """The connection, from its beginning to its end. paho's thread reads; one thread calls the members."""

    def __init__(self, settings: MqttSettings, secret: str | None, client_id: str, will: Message | None = None) -> None:
        self._settings = settings
        self._secret = secret
        self._will = will
        self._changed = threading.Condition()
        self._answer: ReasonCode | None = None
        self._lost: str | None = None
        self._confirmed: dict[int, ReasonCode] = {}
        self._most_bytes = LARGEST
        self._came: deque[tuple[str, bytes]] = deque(maxlen=MAX_KEPT)
        self.address = f"{settings.host}:{settings.port or (TLS_PORT if settings.tls else PORT)}"
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5, reconnect_on_failure=False
        )
        self._listen()

    def _listen(self) -> None:
        """Set what paho calls, from its own thread."""
        client = self._client
        client.on_connect = lambda _client, _data, _flags, code, properties: self._answered(code, properties)
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: self._ended(code)
        client.on_publish = lambda _client, _data, number, code, _properties: self._has_confirmed(number, code)
        client.on_subscribe = lambda _client, _data, number, codes, _properties: self._has_confirmed(number, *codes)
        client.on_message = lambda _client, _data, message: self._take(message)

    def _listen_no_more(self) -> None:
        # They refer to this connection, which refers to the client: a circle would keep its sockets open for a while.
        client = self._client
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None

    def connect(self) -> None:
        """Connect, and wait for the broker's word. Raises `OutletError`."""
        until_s = time.monotonic() + self._settings.deadline_s
        self._prepare()
        host, _, port = self.address.rpartition(":")
        try:
            self._client.connect(host, int(port), self._settings.keepalive_s)
        # ValueError: a name that cannot be one of a host, or of a certificate.
        except (OSError, ValueError) as exc:
            raise OutletError(f"broker {self.address} cannot be reached: {one_line(exc)}") from exc
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._answer is not None or self._lost is not None, _left_s(until_s))
            answer = self._answer
        if answer is not None and answer.is_failure:
            raise OutletError(f"broker {self.address} refuses this device: {answer}; check user, password, client_id")
        if self._lost is not None:
            raise OutletError(f"broker {self.address} ends the connection at once; is it full, or no broker of MQTT 5?")
        if answer is None:
            seconds = self._settings.deadline_s
            raise OutletError(f"broker {self.address} takes connections and does not answer within {seconds:g} s")

    def _prepare(self) -> None:
        settings = self._settings
        self._client.connect_timeout = settings.deadline_s
        if self._will is not None:
            self._client.will_set(self._will.topic, self._will.payload, AT_LEAST_ONCE, self._will.retain)
        if settings.user is not None:
            self._client.username_pw_set(settings.user, self._secret)
        if settings.tls:
            self._client.tls_set_context(_tls(settings))

    def takes(self, message: Message) -> bool:
        """Return whether *message* is not larger than what the broker allows."""
        return len(message.topic.encode()) + len(message.payload) + HEADER <= self._most_bytes

    def publish(self, messages: Iterable[Message]) -> None:
        """Publish *messages*; return once the broker has confirmed each. Raises `OutletError`."""
        self.check()
        sent = {}
        for message in messages:
            info = self._client.publish(message.topic, message.payload, AT_LEAST_ONCE, message.retain)
            sent[info.mid] = message.topic
        self._wait(sent)

    def subscribe(self, topics: Iterable[str], *, retained: bool = True) -> None:
        """Ask for the messages of *topics* that others publish (see `taken`), also for those that the broker has kept.

        Without *retained*, only for those that come from now on. Raises `OutletError`.
        """
        self.check()
        kept = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if retained else SubscribeOptions.RETAIN_DO_NOT_SEND
        options = SubscribeOptions(qos=AT_LEAST_ONCE, noLocal=True, retainHandling=kept)
        sent: dict[int, str] = {}
        for topic in topics:
            _, number = self._client.subscribe(topic, options=options)
            if number is not None:
                sent[number] = topic
        self._wait(sent)

    def taken(self) -> list[tuple[str, bytes]]:
        """Return the topics and payloads that came since the last call."""
        with self._changed:
            came = list(self._came)
            self._came.clear()
        return came

    def check(self) -> None:
        """Raise `OutletError` if the connection is gone."""
        if self._lost is not None:
            raise OutletError(self._lost)

    def _wait(self, sent: dict[int, str]) -> None:
        """Wait until the broker has answered each packet of *sent*, from number to topic. Raises `OutletError`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._lost is not None or sent.keys() <= self._confirmed.keys(), self._settings.deadline_s
            )
            answers = {number: self._confirmed.pop(number) for number in sent if number in self._confirmed}
        for number, answer in answers.items():
            if answer.is_failure:
                raise OutletError(f"broker {self.address} refuses {sent[number]}: {answer}; check its access rules")
        if len(answers) < len(sent):
            late = f"broker {self.address} has not confirmed a message within {self._settings.deadline_s:g} s"
            raise OutletError(self._lost or late)

    def close(self, goodbye: Message | None) -> None:
        """End the connection within a second, with *goodbye*; without one, the broker publishes the will."""
        if goodbye is not None and self._lost is None:
            info = self._client.publish(goodbye.topic, goodbye.payload, AT_LEAST_ONCE, goodbye.retain)
            with self._changed:
                self._changed.wait_for(lambda: self._lost is not None or info.mid in self._confirmed, GOODBYE_S)
            self._client.disconnect()
            with self._changed:
                self._changed.wait_for(lambda: self._lost is not None, GOODBYE_S)
        connection = self._client.socket()
        if connection is not None:
            # paho's thread waits for a broker that is silent; it ends when there is nothing more to read. Not by the
            # method of a TLS socket, which would also pull the encryption away under that thread.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # type: ignore[arg-type]
        self._client.loop_stop()
        self._listen_no_more()

    def _answered(self, code: ReasonCode, properties: Properties | None) -> None:
        with self._changed:
            self._most_bytes = getattr(properties, "MaximumPacketSize", LARGEST)
            self._answer = code
            self._changed.notify_all()

    def _ended(self, code: ReasonCode) -> None:
        with self._changed:
            # What comes after the broker's own word is only the end of the connection.
            if self._lost is None:
                said = "without a word" if code == UNSPECIFIED else f"it says {code}"
                self._lost = f"broker {self.address} has ended the connection, {said}"
            self._changed.notify_all()

    def _has_confirmed(self, number: int, code: ReasonCode) -> None:
        with self._changed:
            self._confirmed[number] = code
            self._changed.notify_all()

    def _take(self, message: MQTTMessage) -> None:
        with self._changed:
            self._came.append((message.topic, bytes(message.payload)))


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    """Return how the connection is encrypted. Raises `OutletError` for a file that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file, password=_no_pass_phrase)
    except (OSError, ValueError) as exc:
        files = ", ".join(filter(None, (settings.ca_file, settings.certificate_file, settings.key_file)))
        raise OutletError(f"a certificate or key cannot be used: {one_line(exc)}; check {files}") from exc
    return context


def _no_pass_phrase() -> str:
    """Refuse a key with a pass phrase, which OpenSSL would otherwise ask for at the terminal."""
    raise ValueError("the key has a pass phrase")


def _left_s(until_s: float) -> float:
    return max(0.0, until_s - time.monotonic())
