"""The settings of the outlets. An outlet that has no table in the settings is off."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from edge_fer.appliance.event import Kind
from edge_fer.frozen import Frozen

LINE: Final = r"^[^\x00-\x1f\x7f]+$"
"""One line of text, without control characters."""
MAX_TOPIC: Final = 200
"""Longest prefix of a topic, in characters; MQTT allows 65535 bytes for the whole topic."""
MAX_PLAYLISTS: Final = 32
SOMEBODY: Final = "somebody"
"""The condition that is true while at least one face is in view."""
ALERT: Final = "alert"
"""The condition that is true while an alert is raised that is loud enough."""
FAULT: Final = "fault"
"""The condition that is true while any part of the appliance fails."""

Line = Annotated[str, Field(pattern=LINE, max_length=1000)]
Level = Literal["notice", "warning", "alarm"]
"""How loud an alert is that is heard: see `edge_fer.driving.alerts`. Advice is only shown."""
Credential = Annotated[str, Field(pattern=r"^(@[^\x00-\x1f\x7f]+|[A-Za-z0-9][A-Za-z0-9_.-]*)$", max_length=255)]
"""Where a secret is read: the name of a file in ``$CREDENTIALS_DIRECTORY``, or ``@FILE``. Never the secret itself."""


def _host(value: str) -> str:
    """Return *value* if it is an address or the name of a host. Raises `ValueError`."""
    if re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?", value):
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as exc:
        words = "it is neither an address nor the name of a host; leave out what goes before it, ports and paths"
        raise ValueError(words) from exc


def _prefix(value: str) -> str:
    """Return *value* if topics can begin with it. Raises `ValueError`."""
    if not value.isprintable() or set(value) & set("+#$"):
        raise ValueError("a prefix of topics holds no +, # and $, and no control characters")
    if "" in value.split("/"):
        raise ValueError("a prefix of topics neither begins nor ends with a slash, and has no two side by side")
    return value


def _url(value: str) -> str:
    """Return *value* if it is the address of a web server. Raises `ValueError`."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address begins as https://example.org does, with http or https and a host")
    if not value.isascii() or re.search(r"[\x00-\x20\x7f\\]", value):
        raise ValueError("an address has only ASCII characters, without spaces; write others as %XX")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address holds no user and no password; name a credential with `secret`")
    _ = parts.port  # raises ValueError for a port that is none
    return value


Host = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_host)]
Prefix = Annotated[str, Field(min_length=1, max_length=MAX_TOPIC), AfterValidator(_prefix)]
Url = Annotated[str, Field(max_length=2000), AfterValidator(_url)]


class MqttSettings(Frozen):
    """Where the MQTT broker is, and what it is told."""

    host: Host
    """Name or address of the broker."""
    port: int | None = Field(None, ge=1, le=65535)
    """Port of the broker; by default 1883, with TLS 8883."""
    user: Line | None = None
    """Name that the broker knows this device by; by default none."""
    password: Credential | None = None
    """Credential that holds the password of *user*."""
    tls: bool = False
    """Whether the connection is encrypted and the broker's certificate verified. Without, everybody on the way can read
    the password and the states."""
    ca_file: Line | None = None
    """Certificates that the broker's is verified with, as PEM; by default those of the system."""
    certificate_file: Line | None = None
    """This device's own certificate, as PEM, where the broker asks for one."""
    key_file: Line | None = None
    """Private key of *certificate_file*, as PEM, without a pass phrase."""
    client_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_.:-]+$", max_length=64)
    """Name of this connection, which no other client of the broker may have; by default ``edge-fer-HOSTNAME``."""
    prefix: Prefix | None = None
    """What every topic begins with; by default ``edge-fer/HOSTNAME``."""
    camera: Line = "camera"
    """Name of the camera, in topics and for people."""
    discovery_prefix: Prefix | None = None
    """Where Home Assistant looks for devices, ``homeassistant`` unless it was told otherwise; by default this device is
    not announced to it."""
    name: Line | None = None
    """Name of this device for people, as Home Assistant shows it; by default ``edge-fer HOSTNAME``."""
    scores: bool = False
    """Whether the scores of faces are sent beside their states."""
    keepalive_s: int = Field(30, ge=5, le=3600)
    """Seconds after which a silent connection is tried."""
    deadline_s: float = Field(10.0, ge=0.1, le=60)
    """Seconds in which the broker must take a connection or a message."""

    @property
    def credential(self) -> str | None:
        """Name of the secret that the outlet needs."""
        return self.password

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.password is not None and self.user is None:
            raise ValueError("a password needs the user that it belongs to; add `user`")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together; one of them is missing")
        if not self.tls and (self.ca_file is not None or self.certificate_file is not None):
            raise ValueError("certificates need `tls = true`")
        return self


class WebhookSettings(Frozen):
    """A web server that is sent events."""

    url: Url
    """Address that events are posted to. Over http:// anybody on the way can read them."""
    secret: Credential | None = None
    """Credential that holds the key which requests are signed with; without one they are not signed."""
    kinds: tuple[Kind, ...] = Field((Kind.ALERT, Kind.HEALTH), min_length=1)
    """Kinds of events that are sent."""
    scores: bool = False
    """Whether the scores of faces are sent beside their states."""
    ca_file: Line | None = None
    """Certificates that the server's is verified with, as PEM; by default those of the system."""
    deadline_s: float = Field(10.0, ge=0.1, le=60)
    """Seconds in which the server must answer."""
    first_pause_s: float = Field(1.0, ge=0.1, le=60)
    """Seconds until the second try, about; each further pause is twice as long."""
    max_pause_s: float = Field(300.0, ge=1, le=3600)
    """Longest pause between two tries, in seconds; also of what the server asks for."""
    tries: int = Field(10, ge=1, le=100)
    """How often one event is tried before it is given up."""

    @property
    def credential(self) -> str | None:
        """Name of the secret that the outlet needs."""
        return self.secret


class GpioSettings(Frozen):
    """A lamp or a buzzer at a pin of the board."""

    pin: int = Field(ge=0, le=53)
    """Number of the pin as the processor counts (BCM): 17 is GPIO17."""
    on: tuple[Line, ...] = Field(min_length=1, max_length=32)
    """When the pin is on: while a face has one of these states, or ``somebody`` is in view, an ``alert`` is raised, a
    part of the appliance has a ``fault``."""
    from_level: Level = "warning"
    """How loud an alert must be to count, where it has a level, as those of the driver monitor have."""
    active_high: bool = True
    """Whether the pin has voltage while it is on; false for relays that switch at ground."""
    blink_s: float | None = Field(None, ge=0.05, le=10)
    """Seconds of light and seconds of darkness while it is on; by default it does not blink."""
    min_on_s: float = Field(1.0, ge=0, le=3600)
    """Least seconds that it stays on, so that a short moment is seen."""
    max_on_s: float | None = Field(None, gt=0, le=86400)
    """Most seconds that it stays on before the condition must end and begin again; by default there is no limit."""
    factory: Literal["lgpio", "rpigpio", "pigpio", "native", "mock"] = "lgpio"
    """Library by which gpiozero reaches the pins; ``mock`` reaches none."""

    @property
    def credential(self) -> str | None:
        """Name of the secret that the outlet needs: none."""
        return None

    @model_validator(mode="after")
    def _times(self) -> Self:
        if self.max_on_s is not None and self.max_on_s < self.min_on_s:
            raise ValueError(f"max_on_s is {self.max_on_s:g}, less than min_on_s, {self.min_on_s:g}")
        return self


class MusicSettings(Frozen):
    """Music that follows the state of who is in view."""

    playlists: dict[Line, Line] = Field(min_length=1, max_length=MAX_PLAYLISTS)
    """What is played in each state: a playlist, a folder, a file or an address that mpv plays. A state that is not here
    changes nothing."""
    socket: Line | None = None
    """Socket of an mpv that somebody else runs (``--input-ipc-server``); by default the service starts one."""
    mpv: Line = "mpv"
    """The program, for an mpv that the service starts."""
    audio_output: Line | None = None
    """Where an mpv that the service starts sends the sound, as its ``--ao``; by default mpv chooses."""
    volume: int = Field(70, ge=1, le=100)
    """Volume of the music, in percent."""
    dwell_s: float = Field(10.0, ge=0, le=3600)
    """Seconds for which a state must last before the music follows."""
    least_s: float = Field(60.0, ge=0, le=86400)
    """Least seconds for which a playlist plays before another takes its place."""
    fade_s: float = Field(3.0, ge=0, le=30)
    """Seconds in which the old music fades out, and again the new one in."""
    override_s: float = Field(1800.0, ge=0, le=86400)
    """Seconds for which the music is left alone after somebody changed the track, the volume or a pause by hand."""
    who: Literal["first", "most"] = "first"
    """Whose state counts where several people are in view: of who has been there longest, or that which most have."""
    shuffle: bool = False
    """Whether the tracks of a playlist are played in a random order."""
    deadline_s: float = Field(3.0, ge=0.1, le=60)
    """Seconds in which mpv must answer."""

    @property
    def credential(self) -> str | None:
        """Name of the secret that the outlet needs: none."""
        return None


class SoundSettings(Frozen):
    """Sounds for alerts, played by a program of the system."""

    notice: Line | None = None
    """Wave file that is played once for a notice; by default a short tone."""
    warning: Line | None = None
    """Wave file that is played for a warning, again and again until it is cleared; by default two beeps."""
    alarm: Line | None = None
    """The same for an alarm; by default three loud beeps."""
    from_level: Level = "notice"
    """How loud an alert must be to be heard. Advice is never heard."""
    player: Line | None = None
    """Program that plays a file; by default the first of ``aplay``, ``paplay`` and ``pw-play`` that is installed."""
    warning_every_s: float = Field(2.0, ge=0.2, le=60)
    """Seconds from the beginning of a warning's sound to its next one, or more, if it is longer."""
    alarm_every_s: float = Field(1.0, ge=0.2, le=60)
    """The same for an alarm."""
    deadline_s: float = Field(10.0, ge=0.1, le=60)
    """Seconds after which a player that still plays is ended: it hangs, or the file is too long."""

    @property
    def credential(self) -> str | None:
        """Name of the secret that the outlet needs: none."""
        return None

    @model_validator(mode="after")
    def _wave(self) -> Self:
        for name in ("notice", "warning", "alarm"):
            path = getattr(self, name)
            if path is not None and path.startswith("-"):
                raise ValueError(f"{name} begins with a hyphen, which the player would take for an option")
        return self
