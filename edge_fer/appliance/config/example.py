"""A commented file with all that can be set, made from the docstrings of the settings."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from edge_fer.appliance.config import Config
from edge_fer.appliance.config.explained import docstrings, model_of, schema

if TYPE_CHECKING:
    from pydantic import BaseModel

WIDTH: Final = 100
SAMPLES: Final[dict[str, Any]] = {
    "device": "Raspberry Pi 4",
    "size": "640x480",
    "model": "compact",
    "target": "litert",
    "threads": 2,
    "detector": "haar",
    "public_key": "/etc/edge-fer/ours.public.pem",
    "page.token": "page-token",
    "page.certificate": "/etc/edge-fer/page.pem",
    "page.key": "/etc/edge-fer/page.key",
    "page.notice": "This device estimates facial expressions. It keeps no picture.",
    "page.contact": "the desk, room 12",
    "driving.landmarks": "/etc/edge-fer/face_landmark.tflite",
    "driving.eyes": "/etc/edge-fer/iris_landmark.tflite",
    "driving.speed_file": "/run/vehicle/speed",
    "driving.speed.topic": "vehicle/speed",
    "driving.speed.key": "kmh",
    "driving.speed.host": "broker.local",
    "driving.speed.port": 1883,
    "driving.speed.user": "edge-fer",
    "driving.speed.password": "mqtt-password",
    "driving.speed.ca_file": "/etc/edge-fer/broker-ca.pem",
    "mqtt.host": "broker.local",
    "mqtt.port": 1883,
    "mqtt.user": "edge-fer",
    "mqtt.password": "mqtt-password",
    "mqtt.ca_file": "/etc/edge-fer/broker-ca.pem",
    "mqtt.certificate_file": "/etc/edge-fer/mqtt.pem",
    "mqtt.key_file": "/etc/edge-fer/mqtt.key",
    "mqtt.client_id": "edge-fer-hall",
    "mqtt.prefix": "edge-fer/hall",
    "mqtt.discovery_prefix": "homeassistant",
    "mqtt.name": "edge-fer in the hall",
    "webhook.url": "https://example.org/edge-fer",
    "webhook.secret": "webhook-secret",
    "webhook.ca_file": "/etc/edge-fer/webhook-ca.pem",
    "gpio.pin": 17,
    "gpio.on": ["somebody"],
    "gpio.blink_s": 0.5,
    "gpio.max_on_s": 600.0,
    "music.playlists": {"happy": "/srv/music/happy.m3u", "neutral": "/srv/music/calm.m3u"},
    "music.socket": "/run/mpv/socket",
    "music.audio_output": "alsa",
    "sound.notice": "/srv/sounds/notice.wav",
    "sound.warning": "/srv/sounds/warning.wav",
    "sound.alarm": "/srv/sounds/alarm.wav",
    "sound.player": "aplay",
}
"""What stands in the example for a field that has no default value."""
HEAD: Final = """\
# The settings of edge-fer. Every line that begins with a # shows what could be set; all others show the default.
# A table such as [mqtt] is off until its line has no # any more.
# After a change: edge-fer config check, then systemctl reload edge-fer.
"""


def example() -> str:
    """Return the file. It can be used as it is, and sets nothing but defaults."""
    limits = schema()
    parts = [HEAD]
    later = []
    for name, field in Config.model_fields.items():
        model = model_of(field.annotation)
        if model is None:
            parts.append(_entry(Config, name, name, limits["properties"][name], off=False))
        else:
            later.append(_table(Config, name, name, limits["$defs"]))
    return "\n".join(parts + later)


def _table(parent: type[BaseModel], name: str, key: str, limits: dict[str, Any], *, off: bool = False) -> str:
    """Return the table *name* of *parent*, and those in it; *key* is its name in the file, *limits* those of all."""
    field = parent.model_fields[name]
    model = model_of(field.annotation)
    if model is None:
        return ""
    off = off or not field.default
    header = f"[[{key}]]" if field.default == () else f"[{key}]"
    lines = [_comment(docstrings(parent)[name]) + ("# " if off else "") + header + "\n"]
    later = []
    for inner, its in model.model_fields.items():
        if model_of(its.annotation) is not None:
            later.append(_table(model, inner, f"{key}.{inner}", limits, off=off))
        else:
            properties = limits[model.__name__]["properties"]
            lines.append(_entry(model, inner, f"{key}.{inner}", properties[inner], off=off))
    return "\n" + "\n".join([*lines, *later])


def _entry(model: type[BaseModel], name: str, key: str, limits: dict[str, Any], *, off: bool) -> str:
    """Return the explanation of one field, and a line that sets it; a comment, where nothing is set by default."""
    words = [docstrings(model)[name], _limits_in_words(limits)]
    field = model.model_fields[name]
    value = field.default
    if field.is_required():
        words.append("Needed.")
    if field.is_required() or value is None:
        value = SAMPLES.get(key, "")
        off = True
    return _comment(" ".join(filter(None, words))) + ("# " if off else "") + f"{name} = {_toml(value)}\n"


def _toml(value: Any) -> str:
    """Return *value* as it stands in one line of a TOML file."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(part)}" for key, part in value.items()) + " }"
    plain = value if isinstance(value, bool | int | float) else str(value)
    return tomli_w.dumps({"value": plain}).removeprefix("value = ").strip()


def _limits_in_words(limits: dict[str, Any]) -> str:
    """Return from where to where a value may go, and which words may be set, as the JSON schema *limits* has them."""
    for choice in [limits, *limits.get("anyOf", [])]:
        if "enum" in choice:
            return "One of " + ", ".join(map(str, choice["enum"])) + "."
        least = choice.get("minimum", choice.get("exclusiveMinimum"))
        if least is None:
            continue
        above = "above " if "exclusiveMinimum" in choice else ""
        most = f" to {choice['maximum']:g}" if "maximum" in choice else " on"
        return f"From {above}{least:g}{most}."
    return ""


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) + "\n"
