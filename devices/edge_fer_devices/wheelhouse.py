"""The wheels that a device installs without a network: pinned, with hashes, for its Python and its processor."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

import edge_fer
from edge_fer.errors import BadInput, EdgeFerError, SinkError, one_line, reason
from edge_fer.files import open_regular
from edge_fer.frozen import Frozen
from edge_fer_devices import own_wheel
from edge_fer_devices.first_boot.installing import INSTALLER

if TYPE_CHECKING:
    from collections.abc import Collection

    from edge_fer.progress import ProgressListener
    from edge_fer_devices.boards import Board

MACHINE: Final = "aarch64"
PYTHONS: Final = {"3.11": "Raspberry Pi OS bookworm", "3.13": "Raspberry Pi OS trixie"}
"""Pythons of devices, and whose they are."""
DEFAULT_PYTHON: Final = "3.13"
PLATFORMS: Final = (*(f"manylinux_2_{minor}_aarch64" for minor in (17, 27, 28, 31, 34, 35)), "manylinux2014_aarch64")
"""What the glibc of these systems, 2.36 and later, can load."""
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
STREAMS: Final = "# streams"
MAX_MANIFEST_BYTES: Final = 1 << 20
NEEDED: Final = {"edge-fer itself": own_wheel.PREFIX, "installer, which installs the others": INSTALLER}
"""Wheels without which nothing can be installed, and how their names begin."""
DOWNLOAD_TIMEOUT_S: Final = 1800


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
        return hashlib.sha256(_dumps(self.manifest).encode()).hexdigest()

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


def build(
    out: Path, *, python: str, models: Collection[str], streams: bool, wheel: Path | None, progress: ProgressListener
) -> Wheelhouse:
    """Download the locked wheels and write them, with the wheel of this edge-fer, to the folder *out*.

    The same edge-fer gives the same bytes. Nothing is at *out* before it is complete. Raises `EdgeFerError`.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.part-", dir=out.parent) as work:
        folder = Path(work) / "wheelhouse"
        folder.mkdir()
        progress.step(f"downloading the wheels for Python {python} on {MACHINE}")
        _download(folder, python, streams=streams)
        progress.step("making the wheel of edge-fer")
        own_wheel.write(folder, models, wheel)
        wheels = {path.name: sha256(path) for path in sorted(folder.glob("*.whl"))}
        manifest = Manifest(
            format=FORMAT, edge_fer=edge_fer.__version__, machine=MACHINE, python=python,
            models=tuple(sorted(models)), streams=streams, wheels=wheels,
        )  # fmt: skip
        (folder / MANIFEST).write_text(_dumps(manifest))
        _replace(folder, out)
    return load(out)


def sha256(path: Path) -> str:
    """Return the sha256 of the file at *path*."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def requirements(*, streams: bool) -> str:
    """Return the locked requirements, with hashes."""
    text = (resources.files("edge_fer_devices") / "locks" / f"{MACHINE}.txt").read_text()
    return text if streams else text.partition(STREAMS)[0]


def _download(folder: Path, python: str, *, streams: bool) -> None:
    """Let pip download the locked wheels into *folder*, and check their hashes."""
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock:
        lock.write(requirements(streams=streams))
        lock.flush()
        command = [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps",
            "--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", python,
            *platforms, "--requirement", lock.name, "--dest", str(folder),
        ]  # fmt: skip
        try:
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False, env=os.environ
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise EdgeFerError(f"pip cannot be run: {exc}; install it: python -m ensurepip") from exc
    if done.returncode != 0:
        errors = re.findall(r"^ERROR: (.*)$", done.stderr, re.MULTILINE)
        said = errors[-1] if errors else done.stderr
        raise EdgeFerError(f"the wheels cannot be downloaded: {one_line(said)}; is the network there?")


def _replace(folder: Path, out: Path) -> None:
    """Put *folder* in the place of *out*, which is an earlier wheelhouse or nothing."""
    try:
        if is_wheelhouse(out):
            shutil.rmtree(out)
        folder.rename(out)
    except OSError as exc:
        raise SinkError(f"{out} cannot be written: {exc.strerror}; pass another --out") from exc


def _manifest(path: Path) -> Manifest:
    with open_regular(path / MANIFEST) as file:
        return Manifest.model_validate_json(file.read(MAX_MANIFEST_BYTES))


def _dumps(manifest: Manifest) -> str:
    values: dict[str, Any] = manifest.model_dump(mode="json")
    return json.dumps(values, indent=1, sort_keys=True) + "\n"
