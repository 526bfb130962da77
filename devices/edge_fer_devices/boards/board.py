"""A board profile: the facts about a kind of board and what is assumed of it, read from ``profiles/NAME.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import tomli_w
from pydantic import Field, model_validator

from edge_fer.backends import MAX_THREADS
from edge_fer.errors import BadInput, reason
from edge_fer.frozen import Frozen
from edge_fer.profile import Budget, Profile, Schedule
from edge_fer.sources.options import MAX_SIDE_PX

PROFILES: Final = Path(__file__).parents[1] / "profiles"
AUTO: Final = "auto"
"""The name that stands for the board that this machine is."""
Words = Annotated[str, Field(min_length=1)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
Evidence = Annotated[str, Field(pattern=r"(https://|assumed|edge-fer|Linux)")]
"""Where the values of a table come from: an address, a file of edge-fer or of Linux, or the word "assumed"."""


class Cpu(Frozen):
    """The processor. Values that differ within a kind of board are left out."""

    name: Words
    part: str | None = Field(None, pattern=r"^0x[0-9a-f]{3}$")
    """Number of the core's design in ``/proc/cpuinfo``, on Arm."""
    cores: int | None = Field(None, ge=1)
    max_mhz: int | None = Field(None, ge=1)
    """The highest clock that the maker's documentation gives, in MHz."""
    features: tuple[str, ...] = ()
    """Those of `edge_fer.host.CPU_FEATURES` that decide the speed of int8."""
    facts_from: Evidence


class Memory(Frozen):
    """The memory that the board is sold with."""

    sizes_mb: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """In MiB, ascending; empty where it may be any."""
    facts_from: Evidence


class Camera(Frozen):
    """How a camera is connected and opened."""

    connectors: tuple[Literal["csi", "usb"], ...]
    sources: tuple[Words, ...]
    """What to pass as ``--source``, the best first."""
    facts_from: Evidence


class Runtimes(Frozen):
    """Which runtimes make sense."""

    names: tuple[Literal["litert", "onnx", "openvino"], ...] = Field(min_length=1)
    """Backends of edge-fer, the best first."""
    facts_from: Evidence


class Settings(Frozen):
    """What ``edge-fer run`` begins from until something was measured."""

    model: Words
    """Name of a shipped bundle."""
    target: Words
    threads: int = Field(ge=1, le=MAX_THREADS)
    frame_px: tuple[Side, Side]
    """Width and height that a camera is asked for."""
    facts_from: Evidence


class DetectionSchedule(Frozen):
    """How often faces are searched for and classified (see `edge_fer.profile.Schedule`)."""

    search_every_s: float = Field(gt=0)
    confirm_every_s: float = Field(gt=0)
    classify_fps: float = Field(gt=0)
    facts_from: Evidence


class BoardBudget(Budget):
    """What edge-fer may take on this board."""

    facts_from: Evidence


class Board(Frozen):
    """The profile of a kind of board."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: Words
    machine: Literal["aarch64", "x86_64"]
    """What ``uname -m`` prints."""
    models: tuple[Words, ...] = ()
    """How the model in its device tree begins."""
    cpu: Cpu
    memory: Memory
    camera: Camera
    runtimes: Runtimes
    settings: Settings
    schedule: DetectionSchedule
    budget: BoardBudget

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        runtime = self.settings.target.partition("-")[0]
        if runtime not in self.runtimes.names:
            raise ValueError(f"the target is {self.settings.target}, and {runtime} is none of its runtimes")
        if self.cpu.cores is not None and self.settings.threads > self.cpu.cores:
            raise ValueError(f"{self.settings.threads} threads are more than its {self.cpu.cores} cores")
        return self

    def toml(self) -> str:
        """Return the board profile as the text of its file."""
        return tomli_w.dumps(self.model_dump(exclude_none=True, exclude_defaults=True), indent=2)

    def as_profile(self) -> Profile:
        """Return the profile of a machine that begins from this board's assumptions."""
        chosen = self.settings
        return Profile(
            model=chosen.model,
            target=chosen.target,
            threads=chosen.threads,
            board=self.name,
            assumed=True,
            frame_px=chosen.frame_px,
            schedule=Schedule(**self.schedule.model_dump(exclude={"facts_from"})),
            budget=Budget(**self.budget.model_dump(exclude={"facts_from"})),
        )


def names() -> list[str]:
    """Return the names of all board profiles, sorted."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def load(name: str) -> Board:
    """Return the board profile *name*. Raises `BadInput` if there is none, or if its file cannot be used."""
    known = names()
    # Compared, not opened: a name must not lead to another folder.
    if name not in known:
        raise BadInput(f"no board profile {name[:60]!r}; pass one of: {', '.join(known)}")
    path = PROFILES / f"{name}.toml"
    try:
        board = Board.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as exc:
        raise BadInput(f"board profile {path} cannot be used: {reason(exc)}; install edge-fer again") from exc
    if board.name != name:
        raise BadInput(f"board profile {path} is called {board.name}; install edge-fer again")
    return board


def assumed(name: str) -> Profile:
    """Return what is assumed of the board *name*, or with ``auto`` of the board that this machine is.

    For ``edge-fer run``, which finds this function by its entry point. Raises `BadInput` for an unknown board.
    """
    if name == AUTO:
        from edge_fer import host
        from edge_fer_devices.boards.recognition import recognise

        return recognise(host.facts()).board.as_profile()
    return load(name).as_profile()
