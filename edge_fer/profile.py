"""The profile: what was measured to be best on this machine.

``edge-fer bench --write-profile`` writes it, ``edge-fer run`` reads it. A table ``[check]`` in it, written by hand,
sets the limits of ``edge-fer bench check`` on this machine.
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
from edge_fer.backends import MAX_THREADS
from edge_fer.errors import BadInput, SinkError, first_fault
from edge_fer.frozen import Frozen

HEADER: Final = "# Written by edge-fer bench --write-profile; edge-fer run begins from it.\n"


def default_path() -> Path:
    """Return the profile's path: ``$XDG_CONFIG_HOME/edge-fer/profile.toml``, by default below ``~/.config``."""
    # An empty variable counts as unset (XDG Base Directory Specification).
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "edge-fer" / "profile.toml"


class Thresholds(Frozen):
    """How much worse than its baseline a run may be."""

    max_slowdown: float = Field(0.10, ge=0)
    """Allowed increase of the p90 of a frame's latency, as a share of it."""
    max_memory_mb: float = Field(10.0, ge=0)
    """Allowed increase of peak memory, in MiB."""
    max_drop: float = Field(0.5, ge=0)
    """Allowed drop of accuracy, in percentage points."""


class Profile(Frozen):
    """The model, target and threads that were measured to be best on this machine."""

    model: str
    """Name of a shipped bundle, or absolute path of another."""
    target: str
    threads: int = Field(ge=1, le=MAX_THREADS)
    measured: str = ""
    """When it was measured and how fast it was, as a sentence."""
    check: Thresholds = Thresholds()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the profile at *path*. Raises `BadInput` if it cannot be used."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as exc:
            reason = first_fault(exc) if isinstance(exc, ValidationError) else exc
            raise BadInput(
                f"profile {path} cannot be used: {reason}; write it again (edge-fer bench --write-profile) or remove it"
            ) from exc

    def save(self, path: Path) -> None:
        """Write the profile to *path*. Raises `SinkError`."""
        values = self.model_dump(exclude={"check"})
        # Only what somebody set by hand: a default that is written down would not change with edge-fer's.
        if self.check.model_fields_set:
            values["check"] = self.check.model_dump(exclude_unset=True)
        try:
            files.write(path, HEADER + tomli_w.dumps(values))
        except OSError as exc:
            raise SinkError(f"profile {path} cannot be written: {exc.strerror or exc}") from exc


def of_this_machine() -> Profile | None:
    """Return the profile at `default_path`, or None if there is none. Raises `BadInput` if it cannot be used."""
    path = default_path()
    return Profile.load(path) if path.is_file() else None


@dataclass(frozen=True)
class Choice:
    """What to run: the user's choice, else the profile's, else the defaults."""

    model: str
    target: str | None
    threads: int
    from_profile: bool = False


def choose(model: str | None, target: str | None, threads: int | None, default_model: str) -> Choice:
    """Complete the user's choice, in which None stands for no choice. Raises `BadInput` for an unusable profile.

    A target is only as good as it was measured with its model, so the profile counts only if the user chose no target
    and no other model.
    """
    profile = of_this_machine()
    if profile is not None and target is None and model in (None, profile.model):
        return Choice(profile.model, profile.target, threads or profile.threads, from_profile=True)
    return Choice(model or default_model, target, threads or 1)
