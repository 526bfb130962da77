"""MQTT: events as they happen, and retained states for whoever comes later.

========================  =============================================================================================
``<prefix>/available``    ``online``, ``stopped``, or ``offline`` (the last will), retained
``<prefix>/events``       each event as JSON: ``{"type": "new|update|end", "time", "kind", "subject", "before", "after",
                          "detail"}``
``<prefix>/health``       ``{"status", "failing"}`` as JSON, retained
``<prefix>/<camera>/…``   retained: ``status`` (``online``, ``offline``), ``people`` (how many are in view), ``state``
                          (of who has been there longest, or ``nobody``), ``states`` (JSON: state → how many), ``alert``
                          (``ON``, ``OFF``)
``<prefix>/driver/state`` with the driver monitor, JSON, retained: ``{"sight", "hindrance", "level", "raised": {kind:
                          level}}``
========================  =============================================================================================

Nothing is retained about people but the states. Every message has quality of service 1: after a failure the same event
may come twice.
"""

from __future__ import annotations

import logging
import re
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from edge_fer.appliance.outlets import home_assistant, payload
from edge_fer.appliance.outlets.presence import DRIVER, LEVELS, Presence, level_of
from edge_fer.errors import OutletError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_fer.appliance.event import Event
    from edge_fer.appliance.outlets.broker import Broker, Message
    from edge_fer.appliance.outlets.settings import MqttSettings

log = logging.getLogger(__name__)

MAX_LEVEL: Final = 64
"""Longest level of a topic that a name becomes, in characters."""


class MqttOutlet:
    """Publishes events and states at an MQTT broker."""

    name = "mqtt"

    def __init__(self, settings: MqttSettings, secret: str | None = None) -> None:
        from edge_fer.dependencies import require

        require({"paho": "paho-mqtt"}, "appliance", "MQTT")
        self._settings = settings
        self._secret = secret
        self.deadline_s = settings.deadline_s * 3  # to connect, to subscribe, to publish
        self.refused = 0
        host = level(socket.gethostname())
        self._client_id = settings.client_id or f"edge-fer-{host}"
        self._prefix = settings.prefix or f"edge-fer/{host}"
        self._camera = f"{self._prefix}/{level(settings.camera)}"
        self._presence = Presence()
        self._status: Mapping[str, Any] = {}
        self._known: dict[str, bytes] = {}
        """Retained payloads that the broker has confirmed, by topic."""
        self._broker: Broker | None = None
        self._device = home_assistant.identifier(self._client_id)
        self._name = settings.name or f"edge-fer {host}"
        self._config = self._entities()

    def open(self) -> None:
        """Connect, and publish what is the case now. Raises `OutletError`."""
        from edge_fer.appliance.outlets.broker import Broker

        self.close()
        broker = Broker(self._settings, self._secret, self._client_id, self._available("offline"))
        self._broker = broker
        self._known.clear()
        try:
            broker.connect()
            self._announce()
            self._publish([self._available("online")])
        except OutletError:
            self._leave(None)
            raise

    def send(self, event: Event) -> None:
        """Publish *event*, and the states that it has changed. Raises `OutletError`."""
        self._presence.take(event)
        values = payload.fields(event, scores=self._settings.scores)
        message = _message(self._topic("events"), payload.encoded(values))
        if self._connected().takes(message):
            self._publish([message])
            return
        # The broker would end the connection, again and again.
        self._publish([])
        self.refused += 1
        log.warning("an event was given up: %d bytes are more than the broker takes", len(message.payload))

    def publish_status(self, status: dict[str, Any]) -> None:
        """Publish what has changed, and answer Home Assistant. Raises `OutletError`."""
        self._presence.correct(status)
        self._status = status
        self._publish([*self._changed_entities(), *self._answers()])

    def close(self) -> None:
        """Say that the service was stopped, and disconnect."""
        self._leave(self._available("stopped"))

    def _leave(self, goodbye: Message | None) -> None:
        broker = self._broker
        self._broker = None
        if broker is not None:
            broker.close(goodbye)

    def _publish(self, messages: list[Message]) -> None:
        """Publish *messages*, then the states that the broker does not have yet. Raises `OutletError`."""
        broker = self._connected()
        states = []
        for topic, state in self._states().items():
            if self._known.get(topic) != state:
                states.append(_message(topic, state, retain=True))
        try:
            broker.publish([*messages, *states])
        except OutletError:
            # Nobody must read that this device was stopped: it could not say anything.
            self._leave(None)
            raise
        self._known.update({message.topic: message.payload for message in states})

    def _connected(self) -> Broker:
        if self._broker is None:
            raise OutletError("the connection to the broker is not open")
        return self._broker

    def _states(self) -> dict[str, bytes]:
        """Return the payload of each retained topic."""
        faces = self._presence.faces
        states = {
            f"{self._camera}/people": str(len(faces)).encode(),
            f"{self._camera}/state": self._presence.first().encode(errors="replace"),
            f"{self._camera}/states": payload.encoded(dict(Counter(faces.values()))),
            f"{self._camera}/alert": b"ON" if self._presence.is_alerted("notice") else b"OFF",
        }
        if "driver" in self._status:
            states[self._driver] = payload.encoded(self._of_driver())
        if self._status:
            status = self._status.get("status")
            failing = sorted(self._presence.faults)
            blind = status == "no frames" or "camera" in failing
            states[f"{self._camera}/status"] = b"offline" if blind else b"online"
            states[self._topic("health")] = payload.encoded({"status": status, "failing": failing})
        return states

    def _of_driver(self) -> dict[str, Any]:
        """Return what is told of the driver: of alerts as the events so far have it, of the rest as the status."""
        driver = self._status["driver"]
        raised = {
            subject.removeprefix(DRIVER): level
            for subject, level in self._presence.alerts.items()
            if subject.startswith(DRIVER)
        }
        level = max(map(level_of, raised.values()), key=LEVELS.index, default=None)
        return {"sight": driver["sight"], "hindrance": driver.get("hindrance"), "level": level, "raised": raised}

    def _entities(self) -> dict[str, Any]:
        """Return what Home Assistant is told of this device."""
        driver = self._driver if "driver" in self._status else None
        return home_assistant.config(self._device, self._name, self._topic("available"), self._camera, driver)

    def _changed_entities(self) -> list[Message]:
        """Return what tells Home Assistant that the driver monitor was switched on or off."""
        entities = self._entities()
        if entities == self._config:
            return []
        removing = home_assistant.with_removed(payload.encoded(self._config), entities)
        self._config = entities
        if self._settings.discovery_prefix is None:
            return []
        return [self._config_message(config) for config in (removing, entities) if config is not None]

    def _announce(self) -> None:
        """Tell Home Assistant which entities there are, if it was asked for. Raises `OutletError`."""
        if self._settings.discovery_prefix is None:
            return
        broker = self._connected()
        broker.subscribe([f"{self._settings.discovery_prefix}/status", self._config_topic])
        broker.publish([self._config_message(self._config)])

    def _answers(self) -> list[Message]:
        """Return what is to be published because of what the broker has sent."""
        messages = []
        for topic, content in self._connected().taken():
            if topic == self._config_topic:
                removing = home_assistant.with_removed(content, self._config)
                if removing is None:
                    continue
                messages.append(self._config_message(removing))
            elif content != home_assistant.BIRTH:
                continue
            messages.append(self._config_message(self._config))
        return messages

    @property
    def _driver(self) -> str:
        return self._topic("driver/state")

    @property
    def _config_topic(self) -> str:
        return f"{self._settings.discovery_prefix}/device/{self._device}/config"

    def _config_message(self, config: dict[str, Any]) -> Message:
        return _message(self._config_topic, payload.encoded(config), retain=True)

    def _available(self, word: str) -> Message:
        return _message(self._topic("available"), word.encode(), retain=True)

    def _topic(self, name: str) -> str:
        return f"{self._prefix}/{name}"


def level(name: str) -> str:
    """Return *name* as one level of a topic: without what has a meaning there, and without control characters."""
    cleaned = "".join(character if character.isprintable() else "_" for character in name.strip())
    return re.sub(r"[+#/$\\\s]", "_", cleaned)[:MAX_LEVEL] or "_"


def _message(topic: str, content: bytes, *, retain: bool = False) -> Message:
    from edge_fer.appliance.outlets.broker import Message

    return Message(topic, content, retain)
