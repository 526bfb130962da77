"""The wheels that a device installs without a network: pinned, with hashes, for its Python and its processor."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

import edge_fer
from edge_fer.errors import BadInput, reason
from edge_fer.files import open_regular
from edge_fer.frozen import Frozen
from edge_fer_devices.first_boot.installing import INSTALLER
from edge_fer_devices.wheelhouse import own_wheel

if TYPE_CHECKING:
    from collections.abc import Collection

    from edge_fer_devices.boards import Board

MACHINE: Final = "aarch64"
PYTHONS: Final = {"3.11": "Raspberry Pi OS bookworm", "3.13": "Raspberry Pi OS trixie"}
"""Pythons of devices, and whose they are."""
DEFAULT_PYTHON: Final = "3.13"
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
MAX_MANIFEST_BYTES: Final = 1 << 20
NEEDED: Final = {"edge-fer itself": own_wheel.PREFIX, "installer, which installs the others": INSTALLER}
"""Wheels without which nothing can be installed, and how their names begin."""


class Manifest(Frozen):
    """What a wheelhouse holds, and for which device."""

    format: int = Field(ge=1)
    edge_fer: str
    """Version of edge-fer."""
    machine: str
    python: str
    models: tuple[str, ...]
    """Shipped models that the wheel of edge-fer holds."""
    streams: bool
    """Whether films and network streams can be read."""
    wheels: dict[str, str]
    """The sha256 of each wheel by its name."""


@dataclass(frozen=True)
class Wheelhouse:
    """A folder of wheels that was checked against its manifest."""

    path: Path
    manifest: Manifest
    size_bytes: int

    @property
    def digest(self) -> str:
        """One sha256 of all that is in it."""
        return hashlib.sha256(dumps(self.manifest).encode()).hexdigest()

    @property
    def files(self) -> list[Path]:
        """All its files, sorted."""
        return [self.path / MANIFEST, *(self.path / name for name in sorted(self.manifest.wheels))]


def board(name: str) -> Board:
    """Return the board *name*, for which there are wheels. Raises `BadInput` for any other."""
    from edge_fer_devices import boards

    found = boards.load(name)
    if found.machine != MACHINE:
        raise BadInput(f"{name} has {found.machine}; cards and wheels are made for {MACHINE}, such as raspberry-pi-4")
    return found


def is_wheelhouse(path: Path) -> bool:
    """Return whether the folder at *path* holds a manifest and, if any, wheels of it, and nothing else."""
    try:
        known = {MANIFEST, *_manifest(path).wheels}
        return not path.is_symlink() and all(entry.name in known and entry.is_file() for entry in path.iterdir())
    except (OSError, ValueError):
        return False


def load(path: Path) -> Wheelhouse:
    """Check the wheelhouse at *path*. Raises `BadInput` if it is none, or damaged."""
    try:
        manifest = _manifest(path)
    except (OSError, ValueError) as exc:
        raise BadInput(f"{path} is no wheelhouse: {reason(exc)}; make one: edge-fer wheelhouse") from exc
    if manifest.format != FORMAT:
        raise BadInput(f"{path} has format {manifest.format}, this edge-fer reads {FORMAT}; make it again")
    if manifest.edge_fer != edge_fer.__version__:
        raise BadInput(f"{path} is of edge-fer {manifest.edge_fer}, this is {edge_fer.__version__}; make it again")
    size = 0
    for name, expected in manifest.wheels.items():
        wheel = path / name
        # The manifest may come from outside: a name is no path.
        if Path(name).name != name or not name.endswith(".whl") or not wheel.is_file():
            raise BadInput(f"{path} lacks the wheel {name[:80]!r} of its manifest; make it again: edge-fer wheelhouse")
        if sha256(wheel) != expected:
            raise BadInput(f"{wheel} is damaged: its sha256 is not that of the manifest; make the wheelhouse again")
        size += wheel.stat().st_size
    for what, prefix in NEEDED.items():
        if not any(name.startswith(prefix) for name in manifest.wheels):
            raise BadInput(f"{path} has no wheel of {what}; make it again: edge-fer wheelhouse")
    return Wheelhouse(path, manifest, size)


def check_fits(wheelhouse: Wheelhouse, *, python: str | None, models: Collection[str], streams: bool = False) -> None:
    """Raise `BadInput` unless *wheelhouse* is for *python*, where that is known, and has the shipped *models*.

    With *streams*, it must have what films and network streams need.
    """
    manifest = wheelhouse.manifest
    if manifest.machine != MACHINE:
        raise BadInput(f"{wheelhouse.path} is for {manifest.machine}, the device is {MACHINE}; make another")
    if python is not None and manifest.python != python:
        raise BadInput(
            f"{wheelhouse.path} is for Python {manifest.python}, the image has {python}; make another: "
            f"edge-fer wheelhouse --python {python}"
        )
    if streams and not manifest.streams:
        raise BadInput(f"{wheelhouse.path} has nothing for streams; make another: edge-fer wheelhouse --streams")
    for model in models:
        if model not in manifest.models:
            raise BadInput(f"{wheelhouse.path} has no model {model}; make another: edge-fer wheelhouse --model {model}")


def sha256(path: Path) -> str:
    """Return the sha256 of the file at *path*."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(path: Path) -> Manifest:
    with open_regular(path / MANIFEST) as file:
        return Manifest.model_validate_json(file.read(MAX_MANIFEST_BYTES))


def dumps(manifest: Manifest) -> str:
    """Return *manifest* as text, the same each time."""
    values: dict[str, Any] = manifest.model_dump(mode="json")
    return json.dumps(values, indent=1, sort_keys=True) + "\n"
