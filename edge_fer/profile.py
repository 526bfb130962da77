"""The profile of this machine: what was measured to be best on it, or else what is assumed of its kind of board.

``edge-fer bench --write-profile`` writes what it measured, ``edge-fer devices use`` what the profile of a board assumes
(see `of_board`), and ``edge-fer run`` reads it. A table ``[check]`` in it, written by hand, sets the limits of
``edge-fer bench check`` on this machine.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

import tomli_w
from pydantic import Field, model_validator

from edge_fer import files
from edge_fer.backends import MAX_THREADS
from edge_fer.detectors import DEFAULT_DETECTOR
from edge_fer.errors import BadInput, MissingDependency, SinkError, reason
from edge_fer.frozen import Frozen
from edge_fer.sources.options import MAX_SIDE_PX

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_fer.bundle import Bundle

log = logging.getLogger(__name__)

MAX_BYTES: Final = 2**16
"""Size of the largest profile that is read."""

NO_NUL: Final = r"^[^\x00]*$"
"""The operating system refuses a NUL in a path."""
KEY_WORD: Final = re.compile(rb"(?i)k\0*e\0*y")
"""What a damaged profile holds that may have named a public key, also under a mistyped name or in UTF-16."""
MEASURED: Final = "# Written by edge-fer bench --write-profile; edge-fer run begins from it.\n"
ASSUMED: Final = (
    "# Written by edge-fer devices use; edge-fer run begins from it. Nothing of it was measured on this machine:\n"
    "# edge-fer bench --write-profile measures, and replaces model, target and threads.\n"
)
BOARDS: Final = "edge_fer.boards"
"""The entry-point group of the function that returns what is assumed of a board (see `of_board`)."""
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]


def default_path() -> Path | None:
    """Return the profile's path: ``$XDG_CONFIG_HOME/edge-fer/profile.toml``, by default below ``~/.config``.

    None for an account that has no home folder, as in some containers.
    """
    # An empty variable counts as unset, and a relative path is to be ignored (XDG Base Directory Specification).
    base = Path(os.environ.get("XDG_CONFIG_HOME") or "")
    if not base.is_absolute():
        try:
            base = Path.home() / ".config"
        except RuntimeError:
            return None
    return base / "edge-fer" / "profile.toml"


class Thresholds(Frozen):
    """How much worse than its baseline a run may be."""

    max_slowdown: float = Field(0.10, ge=0)
    """Allowed increase of the p90 of a frame's latency, as a share of it."""
    max_memory_mb: float = Field(10.0, ge=0)
    """Allowed increase of peak memory, in MiB."""
    max_drop: float = Field(0.5, ge=0)
    """Allowed drop of accuracy, in percentage points."""


class Schedule(Frozen):
    """How often faces are searched for and classified. None stands for edge-fer's own value."""

    search_every_s: float | None = Field(None, gt=0, le=60, allow_inf_nan=False)
    """Seconds between searches of the whole frame."""
    confirm_every_s: float | None = Field(None, gt=0, le=60, allow_inf_nan=False)
    """Seconds for which a face may be found by its looks alone."""
    classify_fps: float | None = Field(None, gt=0, le=1000, allow_inf_nan=False)
    """How often a second each face is classified, at most."""


NO_SCHEDULE: Final = Schedule()


class Budget(Frozen):
    """What edge-fer may take on a machine."""

    p90_ms: float = Field(gt=0, allow_inf_nan=False)
    """90th percentile of the time that a frame takes, in milliseconds."""
    memory_mb: int = Field(ge=1)
    """Resident memory of the process, in MiB."""
    temperature_c: float = Field(gt=0, allow_inf_nan=False)
    """Temperature from which on the machine protects itself, in degrees Celsius."""


class Profile(Frozen):
    """The model, target and threads that were measured to be best on this machine, and what somebody wrote by hand.

    Where nothing was measured, *assumed* says that they come from the profile of a board.
    """

    model: str | None = Field(None, min_length=1, pattern=NO_NUL)
    """Name of a shipped bundle, or absolute path of another. None, as target and threads then, before a benchmark."""
    target: str | None = None
    threads: int | None = Field(None, ge=1, le=MAX_THREADS)
    detector: str | None = Field(None, min_length=1, pattern=NO_NUL)
    """What finds the faces, ``NAME`` or ``NAME:FILE`` with an absolute path. None stands for the default."""
    public_key: str | None = Field(None, min_length=1, pattern=NO_NUL)
    """Path of the public key by which bundles from outside must be signed, from the profile's folder; None asks for
    no signature."""
    measured: str = ""
    """When it was measured and how fast it was, as a sentence."""
    board: str | None = Field(None, min_length=1)
    """Name of the board profile that *frame_px*, *schedule* and *budget* come from, and with *assumed* model, target
    and threads, too."""
    assumed: bool = False
    """Whether model, target and threads are assumptions about *board*, which nobody has measured on this machine."""
    frame_px: tuple[Side, Side] | None = None
    """Width and height that a camera is asked for; None for edge-fer's own value."""
    schedule: Schedule = NO_SCHEDULE
    budget: Budget | None = None
    """What ``edge-fer bench`` and ``edge-fer doctor`` judge by; None where nobody has said."""
    check: Thresholds = Thresholds()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len({value is None for value in (self.model, self.target, self.threads)}) > 1:
            raise ValueError("model, target and threads belong together; one of them is missing")
        if self.assumed and (self.board is None or self.model is None):
            raise ValueError("assumed = true needs a board, and a model, target and threads that are assumed of it")
        return self

    def completed_by(self, board: Profile) -> Self:
        """Return this profile with what *board*, of `of_board`, assumes of all that nobody has measured here.

        A model, target and threads that were measured on this machine or written by hand stay. Frame size, schedule
        and budget are measured by nobody: they become those of the board.
        """
        if self.model is None or self.assumed:
            chosen = {"model": board.model, "target": board.target, "threads": board.threads, "assumed": True}
            begun = self.model_copy(update=chosen)
        else:
            begun = self
        unmeasured = {name: getattr(board, name) for name in ("board", "frame_px", "schedule", "budget")}
        return begun.model_copy(update=unmeasured)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the profile at *path*. Raises `BadInput` if it cannot be used."""
        try:
            return cls.model_validate(tomllib.loads(_content(path).decode()))
        # ValueError: no UTF-8, no TOML, or other values. RecursionError: tables in tables in tables.
        except (OSError, ValueError, RecursionError) as exc:
            raise BadInput(
                f"profile {path} cannot be used: {reason(exc)}; write it again (edge-fer bench --write-profile) "
                "or remove it"
            ) from exc

    def toml(self) -> str:
        """Return the profile as the text of its file."""
        values = self.model_dump(exclude={"check", "schedule"}, exclude_none=True)
        if self.assumed:
            del values["measured"]
        else:
            del values["assumed"]
        # Only what differs from edge-fer's own: a default that is written down would not change with edge-fer's.
        schedule = self.schedule.model_dump(exclude_none=True)
        if schedule:
            values["schedule"] = schedule
        if self.check.model_fields_set:
            values["check"] = self.check.model_dump(exclude_unset=True)
        return (ASSUMED if self.assumed else MEASURED) + tomli_w.dumps(values)

    def save(self, path: Path) -> None:
        """Write the profile to *path*. Raises `SinkError`."""
        try:
            files.write(path, self.toml())
        except OSError as exc:
            raise SinkError(f"profile {path} cannot be written: {exc.strerror or exc}") from exc


def of_this_machine() -> Profile | None:
    """Return the profile at `default_path`, or None if there is none. Raises `BadInput` if it cannot be used."""
    path = default_path()
    if path is None:
        return None
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass  # it may be there; loading it says what is wrong
    return Profile.load(path)


def path_to_write() -> Path:
    """Return `default_path`. Raises `SinkError` for an account that has no home folder."""
    path = default_path()
    if path is None:
        raise SinkError("this account has no home folder to keep a profile in; set XDG_CONFIG_HOME to a folder")
    return path


def check_replaceable() -> None:
    """Raise `BadInput` for a profile that cannot be used, but may name a public key, which a new one would lose."""
    try:
        of_this_machine()
    except BadInput as exc:
        if _may_name_a_key():
            raise BadInput(f"{exc}; it is not replaced, as it may name a public key: mend it") from exc


def replace_of_this_machine(
    model: str, target: str, threads: int, measured: str, detector: str | None = None
) -> tuple[Path, Path | None]:
    """Write what was measured into the profile of this machine. What was written by hand or is of its board stays.

    Return its path, and the path to which a profile that could not be used was moved. Raises `SinkError`, and
    `BadInput` as `check_replaceable` does.
    """
    best = {"model": model, "target": target, "threads": threads, "measured": measured, "detector": detector}
    return _replace(lambda before: before.model_copy(update={**best, "assumed": False}))


def assume_of_this_machine(board: Profile) -> tuple[Path, Path | None]:
    """Complete the profile of this machine by *board* (see `Profile.completed_by`) and write it.

    Returns and raises as `replace_of_this_machine` does.
    """
    return _replace(lambda before: before.completed_by(board))


def _replace(change: Callable[[Profile], Profile]) -> tuple[Path, Path | None]:
    """Replace the profile of this machine by what *change* makes of it, or of an empty one."""
    path = path_to_write()
    moved = None
    try:
        # Two of them at once would otherwise both keep what they have read, not what the other has written.
        with files.locked(path.parent):
            try:
                before = of_this_machine() or Profile()
            except BadInput:
                check_replaceable()
                # Somebody may have written thresholds into it.
                before = Profile()
                moved = path.replace(path.with_name("profile.toml.unusable"))
            change(before).save(path)
    except SinkError:
        raise
    except OSError as exc:
        raise SinkError(f"profile {path} cannot be written: {exc.strerror or exc}") from exc
    return path, moved


def of_board(name: str) -> Profile:
    """Return what is assumed of the board *name*, or with ``auto`` of this machine's kind of board.

    It is a profile in which nothing was measured. Raises `BadInput` for an unknown board.
    """
    # Only where a board is asked for: looking through the installed packages takes longer than reading a profile.
    from importlib import metadata

    for entry in metadata.entry_points(group=BOARDS):
        assumed: Profile = entry.load()(name)
        return assumed
    raise MissingDependency("this edge-fer knows no boards: install it again (pip install --force-reinstall edge-fer)")


def _content(path: Path) -> bytes:
    """Return the bytes of the profile at *path*. Raises `OSError`, `ValueError` for a large file."""
    with files.open_regular(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes")
    return content


def _may_name_a_key() -> bool:
    """Return whether the profile of this machine, which cannot be used, holds something like a key."""
    try:
        with files.open_regular(path_to_write()) as file:
            return KEY_WORD.search(file.read(MAX_BYTES)) is not None
    except OSError:  # no file, or none that may be read
        return False


@dataclass(frozen=True)
class Choice:
    """What to run: the user's choice, else the profile's, else the defaults."""

    model: str
    target: str | None
    threads: int
    detector: str = DEFAULT_DETECTOR
    origin: str = ""
    """Who chose model, target and threads, in words; empty for the user or the defaults."""
    frame_px: tuple[int, int] | None = None
    """Width and height that a camera is asked for; None for edge-fer's own value."""
    schedule: Schedule = NO_SCHEDULE


def choose(
    model: str | None,
    target: str | None,
    threads: int | None,
    default_model: str,
    detector: str | None = None,
    board: str | None = None,
) -> Choice:
    """Complete the user's choice, in which None stands for no choice.

    A target is only as good as it was measured with its model, so the profile counts only if the user chose no target
    and no other model; its detector, frame size and schedule count with any model. With *board*, a name as `of_board`
    takes it, the profile is completed by that board's. Raises `BadInput` for an unusable profile where the user chose
    neither model nor target; otherwise a warning tells of it.
    """
    try:
        profile = of_this_machine() or Profile()
    except BadInput as exc:
        if model is None and target is None:
            raise
        log.warning("ignored: %s", exc)
        profile = Profile()
    if board is not None:
        profile = profile.completed_by(of_board(board))
    detector = detector or profile.detector or DEFAULT_DETECTOR
    choice = partial(Choice, detector=detector, frame_px=profile.frame_px, schedule=profile.schedule)
    if profile.model is not None and target is None and model in (None, profile.model):
        origin = f"assumed of {profile.board}" if profile.assumed else "chosen by this machine's profile"
        return choice(profile.model, profile.target, threads or profile.threads or 1, origin=origin)
    return choice(model or default_model, target, threads or 1)


def open_bundle(path: str | Path, key: Path | None = None) -> Bundle:
    """Open the bundle at *path* as `bundle.load` does, signed by *key* or else by the public key of the profile.

    For every bundle from outside: a key that another ``--model`` could avoid would protect nothing. For the same reason
    a profile that cannot be used, but may name a key, is `BadInput` then.
    """
    # Imported here: not every command that reads the profile opens a bundle.
    from edge_fer import bundle as bundles

    unusable = None
    if key is None:
        try:
            key = _public_key(of_this_machine())
        except BadInput as exc:
            unusable = exc
    opened = bundles.load(path, key=key)
    if unusable is not None and not opened.shipped and _may_name_a_key():
        raise BadInput(f"{unusable}; bundles from outside wait for that, as it may name a public key; or pass --key")
    return opened


def _public_key(profile: Profile | None) -> Path | None:
    if profile is None or profile.public_key is None:
        return None
    # Of two absolute paths, the second one is the result.
    return path_to_write().parent / profile.public_key
