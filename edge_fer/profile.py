"""What was best on this machine: written by ``edge-fer bench --write-profile``, read by ``edge-fer run``.

A table ``[check]`` in it, written by hand, says what ``edge-fer bench check`` allows here.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import tomli_w
from pydantic import Field, ValidationError

from edge_fer import files
from edge_fer.errors import BadInput, SinkError, first_fault
from edge_fer.frozen import Frozen

HEADER: Final = "# Written by edge-fer bench --write-profile; edge-fer run begins from it.\n"


def default_path() -> Path:
    """Return where the profile lies: ``$XDG_CONFIG_HOME/edge-fer/profile.toml``, by default below ``~/.config``."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "edge-fer" / "profile.toml"


class Thresholds(Frozen):
    """What a run may lose against its baseline."""

    max_slowdown: float = Field(0.10, ge=0)
    """Of a frame's p90, as a share."""
    max_memory_mb: float = Field(10.0, ge=0)
    """More peak memory."""
    max_drop: float = Field(0.5, ge=0)
    """Less accuracy, in points."""


class Profile(Frozen):
    """Choices that were measured to be best here."""

    model: str
    """A shipped bundle's name, or the absolute path of one."""
    target: str
    threads: int = Field(ge=1, le=64)
    measured: str = ""
    """When, and how fast, in words."""
    check: Thresholds = Thresholds()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it. Raises `BadInput` for what is none."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as exc:
            fault = first_fault(exc) if isinstance(exc, ValidationError) else exc
            raise BadInput(
                f"profile {path} cannot be used: {fault}; write it again (edge-fer bench --write-profile), or remove it"
            ) from exc

    def save(self, path: Path) -> None:
        """Write it, beside its place first. Raises `SinkError`."""
        values = self.model_dump(exclude={"check"})
        if self.check.model_fields_set:
            values["check"] = self.check.model_dump(exclude_unset=True)
        try:
            files.write(path, f"{HEADER}{tomli_w.dumps(values)}")
        except OSError as exc:
            raise SinkError(f"profile {path} cannot be written: {exc.strerror or exc}") from exc


def of_this_machine() -> Profile | None:
    """Return the profile at `default_path`; None where there is none. Raises `BadInput` for what is none."""
    path = default_path()
    return Profile.load(path) if path.is_file() else None


@dataclass(frozen=True)
class Choice:
    """What to run: what the user asked for, else what the profile says, else the defaults."""

    model: str
    target: str | None
    threads: int
    from_profile: bool = False


def choose(model: str | None, target: str | None, threads: int | None, default_model: str) -> Choice:
    """Fill in what was not asked for. A profile for another model than *model* says nothing."""
    profile = of_this_machine()
    if profile is not None and target is None and model in (None, profile.model):
        return Choice(profile.model, profile.target, threads or profile.threads, from_profile=True)
    return Choice(model or default_model, target, threads or 1)
