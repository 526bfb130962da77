"""The settings of the driver monitor: the table ``[driving]``, and those in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from edge_fer.appliance.outlets.settings import Credential, Host, Line, MqttSettings
from edge_fer.driving.parameters import Parameters
from edge_fer.frozen import Frozen

MAX_TOPIC: Final = 1000
OF_HOST: Final = ("port", "user", "password", "tls", "ca_file")
"""Fields that say how the host of the speed is reached."""


def _topic(value: str) -> str:
    """Return *value* if it is one topic. Raises `ValueError`."""
    if not value.isprintable() or set(value) & set("+#"):
        raise ValueError("one topic holds no +, no # and no control characters")
    return value


Topic = Annotated[str, Field(min_length=1, max_length=MAX_TOPIC), AfterValidator(_topic)]


class SpeedSettings(Frozen):
    """Where the vehicle's speed comes from over MQTT."""

    topic: Topic
    """Topic whose messages are the speed in km/h: a number, or JSON with `key`. One older than 5 s counts as unknown,
    and one that the broker has retained does not count."""
    key: Line | None = None
    """Name of the speed in messages that are JSON objects; by default a message is the number itself."""
    host: Host | None = None
    """Name or address of the broker; by default that of ``[mqtt]``, with all that is set there."""
    port: int | None = Field(None, ge=1, le=65535)
    """Port of `host`; by default 1883, with TLS 8883."""
    user: Line | None = None
    """Name that `host` knows this device by; by default none."""
    password: Credential | None = None
    """Credential that holds the password of `user`."""
    tls: bool = False
    """Whether the connection to `host` is encrypted and its certificate verified."""
    ca_file: Line | None = None
    """Certificates that the one of `host` is verified with, as PEM; by default those of the system."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.host is not None:
            self.broker(None)
            return self
        for name in OF_HOST:
            if getattr(self, name) not in {None, False}:
                raise ValueError(f"{name} needs the host that it belongs to; add `host`")
        return self

    def broker(self, mqtt: MqttSettings | None) -> MqttSettings:
        """Return how the broker is reached; *mqtt* is that of the outlet. Raises `ValueError` if there is none."""
        if self.host is not None:
            return MqttSettings.model_validate(self.model_dump(include={"host", *OF_HOST}))
        if mqtt is None:
            raise ValueError("driving.speed needs a broker; add its `host`, or the table [mqtt]")
        return mqtt


class DrivingSettings(Frozen):
    """The driver monitor."""

    landmarks: Path | None = None
    """Model that finds points of the face, for level 2: where the head looks. Without it, level 1 knows only whether a
    face is turned to the road, and nothing of eyes."""
    eyes: Path | None = None
    """Model that finds the contours of the eyes, beside `landmarks`; without it nothing is said of eyes."""
    speed_file: Path | None = None
    """Text file with the vehicle's speed in km/h, which something else writes again and again. It is read five times a
    second; one older than 5 s counts as unknown. Not together with ``[driving.speed]``."""
    speed: SpeedSettings | None = None
    """The vehicle's speed over MQTT; by default it is unknown, and the times of high speed count."""
    parameters: Parameters = Parameters()
    """When the monitor alerts."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.eyes is not None and self.landmarks is None:
            raise ValueError("eyes are found by the landmarks around them; add `landmarks`")
        if self.speed is not None and self.speed_file is not None:
            raise ValueError("the speed comes from speed_file or from [driving.speed]; leave out one of them")
        return self

    @property
    def level(self) -> int:
        """1 or 2: how much the monitor can tell."""
        return 1 if self.landmarks is None else 2
