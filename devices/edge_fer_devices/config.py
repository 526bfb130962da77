"""The settings of the service on a device, ``config.toml``."""

from __future__ import annotations

import ipaddress
import tomllib
from typing import TYPE_CHECKING, Any, Final, Self

import tomli_w
from pydantic import Field, field_validator

from edge_fer import files
from edge_fer.backends import MAX_THREADS
from edge_fer.errors import BadInput, reason
from edge_fer.frozen import Frozen
from edge_fer.sources.options import parse_size

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 1 << 16
PORT: Final = 8737
LINE: Final = r"^[^\x00-\x1f\x7f]+$"
"""One line of text, without control characters."""


class Health(Frozen):
    """Where the service says how it is."""

    bind: str = "127.0.0.1"
    """Address to listen at. 0.0.0.0 lets the whole network ask, without a password."""
    port: int = Field(PORT, ge=1024, le=65535)
    stale_after_s: float = Field(20.0, ge=1, le=3600)
    """Seconds without a frame after which the service is not healthy."""

    @field_validator("bind")
    @classmethod
    def _address(cls, value: str) -> str:
        return str(ipaddress.ip_address(value))


class Config(Frozen):
    """What the service watches, with which model, and where it says how it is."""

    device: str | None = Field(None, pattern=LINE)
    """Name of the board that the card was made for, for people."""
    source: str = Field("0", pattern=LINE)
    """As for ``edge-fer run --source``; ``@FILE`` reads an address with a password from a file."""
    size: str | None = Field(None, pattern=LINE)
    """``WIDTHxHEIGHT`` in pixels that a camera is asked for."""
    max_fps: float = Field(15.0, gt=0, le=1000)
    """Most frames a second that are looked at."""
    model: str | None = Field(None, pattern=LINE)
    """A bundle: shipped name, or path. By default what was measured to be best on the board, else the default model."""
    target: str | None = Field(None, pattern=LINE)
    """A target of the bundle; by default the measured one, else its first."""
    threads: int | None = Field(None, ge=1, le=MAX_THREADS)
    """Threads of the model; by default as measured, else 1."""
    detector: str | None = Field(None, pattern=LINE)
    """What finds faces, as for ``edge-fer run --detector``; by default as measured, else haar."""
    min_face_px: int = Field(48, ge=8, le=10_000)
    """Side of the smallest face that is searched for, in pixels."""
    print_records: bool = False
    """Whether each frame's record is printed as a line of JSON: into the journal, where a unit runs it."""
    health: Health = Health()

    @field_validator("size")
    @classmethod
    def _size(cls, value: str | None) -> str | None:
        if value is not None:
            parse_size(value)
        return value

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Return the settings in *text*, which comes from *name*. Raises `BadInput`."""
        try:
            return cls.model_validate(tomllib.loads(text))
        except (ValueError, RecursionError) as exc:
            raise BadInput(f"{name} cannot be used: {reason(exc)}; mend it") from exc

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the settings at *path*. Raises `BadInput` if they cannot be used."""
        try:
            with files.open_regular(path) as file:
                content = file.read(MAX_BYTES + 1)
            text = content.decode()
        except (OSError, ValueError) as exc:
            raise BadInput(f"{path} cannot be used: {reason(exc)}; mend it") from exc
        if len(content) > MAX_BYTES:
            raise BadInput(f"{path} cannot be used: it is larger than {MAX_BYTES} bytes; pass another")
        return cls.parse(text, str(path))

    def dumps(self) -> str:
        """Return the settings as TOML, with all values, so that a reader sees what can be set."""
        values: dict[str, Any] = self.model_dump(exclude_none=True)
        return tomli_w.dumps(values)
