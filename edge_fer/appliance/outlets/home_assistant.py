"""How Home Assistant learns of a device over MQTT: one message with all its entities (device discovery)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import edge_fer

if TYPE_CHECKING:
    from collections.abc import Mapping

BIRTH: Final = b"online"
"""What Home Assistant publishes at ``<discovery prefix>/status`` when it has started."""
ENTITIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "state": {"p": "sensor", "name": "State", "icon": "mdi:emoticon-outline"},
    "people": {
        "p": "sensor", "name": "People in view", "icon": "mdi:account-multiple", "state_class": "measurement",
    },
    "alert": {"p": "binary_sensor", "name": "Alert", "device_class": "problem"},
    "status": {
        "p": "binary_sensor", "name": "Camera", "device_class": "connectivity", "entity_category": "diagnostic",
        "payload_on": "online", "payload_off": "offline",
    },
}  # fmt: skip
"""Last part of a topic of the camera → what Home Assistant makes of it."""
DRIVER: Final[Mapping[str, Any]] = {
    "p": "binary_sensor", "name": "Driver alert", "device_class": "safety", "icon": "mdi:steering",
    "value_template": "{{ 'ON' if value_json.level in ['notice', 'warning', 'alarm'] else 'OFF' }}",
}  # fmt: skip
"""What it makes of the state of the driver monitor."""


def config(device: str, name: str, available: str, camera: str, driver: str | None = None) -> dict[str, Any]:
    """Return the payload of ``<discovery prefix>/device/<device>/config``.

    *available* is the topic of the availability, *camera* the one that all topics of the camera begin with, *driver*
    that of the state of the driver monitor, if there is one. A camera of another name makes other entities: their keys
    have its name.
    """
    own = camera.rpartition("/")[2]
    components = {}
    for key, entity in ENTITIES.items():
        unique = f"{device}_{identifier(own)}_{key}"
        components[unique] = {**entity, "unique_id": unique, "state_topic": f"{camera}/{key}"}
    if driver is not None:
        unique = f"{device}_driver"
        components[unique] = {**DRIVER, "unique_id": unique, "state_topic": driver, "json_attributes_topic": driver}
    return {
        "dev": {
            "ids": [device],
            "name": name,
            "mf": "edge-fer",
            "mdl": "edge-fer appliance",
            "sw": edge_fer.__version__,
        },
        "o": {"name": "edge-fer", "sw": edge_fer.__version__},
        # A device that was stopped is as unavailable as one that is lost; without a template, Home Assistant would
        # take the word it does not know as no news.
        "availability": [{"topic": available, "value_template": "{{ 'online' if value == 'online' else 'offline' }}"}],
        "cmps": components,
        "qos": 1,
    }


def with_removed(announced: bytes, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Return *wanted* with what it has no more since *announced*, an earlier payload; None if nothing is to be removed.

    Home Assistant removes an entity of which a payload has only the platform.
    """
    try:
        before = json.loads(announced)["cmps"]
        gone = {key: {"p": str(entity["p"])} for key, entity in before.items() if key not in wanted["cmps"]}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # not ours, or nothing
    return {**wanted, "cmps": {**wanted["cmps"], **gone}} if gone else None


def identifier(text: str) -> str:
    """Return *text* with only what Home Assistant allows in an id: ASCII letters, digits, ``_`` and ``-``.

    Two texts that differ stay different: other characters are written as their numbers.
    """
    parts = [
        character if character.isascii() and (character.isalnum() or character in "_-") else f"_{ord(character):x}"
        for character in text
    ]
    return "".join(parts)
