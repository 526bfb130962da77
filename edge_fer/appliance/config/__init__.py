"""The settings of the appliance, one TOML file: what it watches, and what each of its rooms does.

Every room has its own class of settings; here they become the tables of one file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Self

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from edge_fer import files
from edge_fer.appliance.driver.settings import DrivingSettings
from edge_fer.appliance.events.settings import EventSettings
from edge_fer.appliance.limits import Supervision
from edge_fer.appliance.outlets.settings import (
    GpioSettings,
    MqttSettings,
    MusicSettings,
    SoundSettings,
    WebhookSettings,
)
from edge_fer.appliance.page.settings import PageSettings
from edge_fer.backends import MAX_THREADS
from edge_fer.errors import BadInput, SourceError, reason
from edge_fer.frozen import Frozen
from edge_fer.sources.addresses import Kind, kind_of
from edge_fer.sources.options import parse_size

DEFAULT_PATH: Final = Path("/etc/edge-fer/config.toml")
MAX_BYTES: Final = 1 << 16
"""Largest file of settings."""
MAX_WEBHOOKS: Final = 16
PRINTED_LINE: Final = r"^[^\x00-\x1f\x7f]+$"
"""One line of text, without control characters."""

Line = Annotated[str, Field(pattern=PRINTED_LINE, max_length=4096)]


class Config(Frozen):
    """What the appliance watches, with which model, what it shows, keeps, and tells others."""

    device: Line | None = None
    """Name of the board that the card was made for, for people."""
    source: Line = "camera"
    """What is watched, as for ``edge-fer run --source``; by default the first camera. ``@FILE`` reads an address with a
    password from a file."""
    size: Line | None = None
    """``WIDTHxHEIGHT`` in pixels that a camera is asked for; by default as the board's profile says, else 640x480."""
    max_fps: float = Field(15.0, gt=0, le=1000)
    """Most frames a second that are looked at."""
    model: Line | None = None
    """A bundle: shipped name, or path. By default what was measured to be best on the board, else the default model."""
    target: Line | None = None
    """A target of the bundle; by default the measured one, else its first."""
    threads: int | None = Field(None, ge=1, le=MAX_THREADS)
    """Threads of the model; by default as measured, else 1."""
    detector: Line | None = None
    """What finds faces, as for ``edge-fer run --detector``; by default as measured, else haar."""
    min_face_px: int = Field(48, ge=8, le=10_000)
    """Side of the smallest face that is searched for, in pixels."""
    public_key: Path | None = None
    """File with the public key (PEM) by which bundles from outside must be signed; by default as the profile says."""
    print_records: bool = False
    """Whether each frame's record is printed as a line of JSON: into the journal, where a unit runs it."""
    supervision: Supervision = Supervision()
    """Deadlines of the parts, and what is done about one that hangs."""
    page: PageSettings = PageSettings()
    """What the page shows, and whom it answers."""
    events: EventSettings = EventSettings()
    """What becomes an event, where events are kept, and for how long."""
    driving: DrivingSettings | None = None
    """Makes the appliance a driver monitor, with a page of its own; by default it is none. It is no type-approved
    safety device."""
    mqtt: MqttSettings | None = None
    """The MQTT broker that is told; by default none."""
    webhook: tuple[WebhookSettings, ...] = Field((), max_length=MAX_WEBHOOKS)
    """Web servers that are sent events, each a table ``[[webhook]]``; by default none."""
    gpio: GpioSettings | None = None
    """A lamp or a buzzer at a pin; by default none."""
    music: MusicSettings | None = None
    """Music that follows the state; by default none."""
    sound: SoundSettings | None = None
    """Sounds for alerts; by default none."""

    @field_validator("size")
    @classmethod
    def _size(cls, value: str | None) -> str | None:
        if value is not None:
            parse_size(value)
        return value

    @field_validator("source")
    @classmethod
    def _source(cls, value: str) -> str:
        if not value.startswith("@"):
            try:
                kind = kind_of(value)
            except SourceError as exc:
                raise ValueError(str(exc)) from exc
            if kind is Kind.STANDARD_INPUT:
                raise ValueError("standard input (-) ends, and the service goes on; name a camera")
        return value

    @model_validator(mode="after")
    def _speed_has_a_broker(self) -> Self:
        if self.driving is not None and self.driving.speed is not None:
            self.driving.speed.broker(self.mqtt)
        return self

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Return the settings in *text*, which comes from *name*. Raises `BadInput`."""
        try:
            return cls.model_validate(tomllib.loads(text))
        except (ValueError, RecursionError) as exc:
            more = isinstance(exc, ValidationError) and exc.error_count() > 1
            remedy = f"edge-fer config check {name} explains all" if more else "mend it"
            raise BadInput(f"{name} cannot be used: {reason(exc)}; {remedy}") from exc

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the settings at *path*. Raises `BadInput` if they cannot be used."""
        return cls.parse(text_of(path), str(path))

    def dumps(self) -> str:
        """Return the settings as TOML: all values that stand outside of tables, and in tables what was set."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True, exclude=TABLES)
        tables = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True, include=TABLES)
        return tomli_w.dumps(values | tables)


TABLES: Final = {"supervision", "page", "events", "driving", "mqtt", "webhook", "gpio", "music", "sound"}
"""Fields of `Config` that are tables of the file."""


def text_of(path: Path) -> str:
    """Return the text of the settings at *path*. Raises `BadInput` for what cannot be read, or is too large."""
    try:
        with files.open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")  # without the mark that editors of Windows write
    except FileNotFoundError as exc:
        raise BadInput(f"{path} cannot be used: {reason(exc)}; edge-fer config example begins one") from exc
    except (OSError, ValueError) as exc:
        raise BadInput(f"{path} cannot be used: {reason(exc)}; mend it") from exc
    if len(content) > MAX_BYTES:
        raise BadInput(f"{path} cannot be used: it is larger than {MAX_BYTES} bytes; pass another")
    return text
