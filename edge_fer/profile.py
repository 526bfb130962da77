"""What was best on this machine: written by ``edge-fer bench --write-profile``, read by ``edge-fer run``.

A table ``[check]`` in it, written by hand, says what ``edge-fer bench check`` allows here.
"""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_fer.errors import BadInput, SinkError, first_fault


def default_path() -> Path:
    """Return where the profile lies: ``$XDG_CONFIG_HOME/edge-fer/profile.toml``, by default below ``~/.config``."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "edge-fer" / "profile.toml"


class Thresholds(BaseModel):
    """What a run may lose against its baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_slowdown: float = Field(0.10, ge=0)
    """Of a frame's p90, as a share."""
    max_memory_mb: float = Field(10.0, ge=0)
    """More peak memory."""
    max_drop: float = Field(0.5, ge=0)
    """Less accuracy, in points."""


class Profile(BaseModel):
    """Choices that were measured to be best here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        lines = ["# Written by edge-fer bench --write-profile; edge-fer run begins from it.\n"]
        lines += _assignments(self.model_dump(exclude={"check"}))
        if self.check.model_fields_set:
            lines += ["\n[check]\n", *_assignments(self.check.model_dump(exclude_unset=True))]
        beside = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text("".join(lines), encoding="utf-8")
            beside.replace(path)
        except OSError as exc:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise SinkError(f"profile {path} cannot be written: {exc.strerror or exc}") from exc


def of_this_machine() -> Profile | None:
    """Return the profile at `default_path`; None where there is none. Raises `BadInput` for what is none."""
    path = default_path()
    return Profile.load(path) if path.is_file() else None


def _assignments(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]


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
