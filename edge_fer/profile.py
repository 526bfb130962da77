"""What was best on this machine: written by ``edge-fer bench --write-profile``, read by ``edge-fer run``."""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_fer.errors import BadInput, SinkError


def default_path() -> Path:
    """Return where the profile lies: ``$XDG_CONFIG_HOME/edge-fer/profile.toml``, by default below ``~/.config``."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "edge-fer" / "profile.toml"


class Profile(BaseModel):
    """Choices that were measured to be best here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """A shipped bundle's name, or the absolute path of one."""
    target: str
    threads: int = Field(ge=1, le=64)
    measured: str = ""
    """When, and how fast, in words."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it. Raises `BadInput` for what is none."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as exc:
            raise BadInput(
                f"profile {path} cannot be used: {exc}; write it again (edge-fer bench --write-profile), or remove it"
            ) from exc

    def save(self, path: Path) -> None:
        """Write it, beside its place first. Raises `SinkError`."""
        lines = ["# Written by edge-fer bench --write-profile; edge-fer run begins from it.\n"]
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in self.model_dump().items()]
        beside = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text("".join(lines), encoding="utf-8")
            beside.replace(path)
        except OSError as exc:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise SinkError(f"profile {path} cannot be written: {exc.strerror or exc}") from exc


@dataclass(frozen=True)
class Choice:
    """What to run: what the user asked for, else what the profile says, else the defaults."""

    model: str
    target: str | None
    threads: int
    from_profile: bool = False


def choose(model: str | None, target: str | None, threads: int | None, default_model: str) -> Choice:
    """Fill in what was not asked for. A profile for another model than *model* says nothing."""
    path = default_path()
    profile = Profile.load(path) if path.is_file() else None
    if profile is not None and target is None and model in (None, profile.model):
        return Choice(profile.model, profile.target, threads or profile.threads, from_profile=True)
    return Choice(model or default_model, target, threads or 1)
