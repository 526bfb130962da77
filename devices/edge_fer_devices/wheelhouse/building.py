"""Makes a wheelhouse: the locked wheels, downloaded by pip, and the wheel of this edge-fer."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import edge_fer
from edge_fer.errors import EdgeFerError, MissingDependency, SinkError, one_line
from edge_fer_devices.running import run
from edge_fer_devices.wheelhouse import own_wheel
from edge_fer_devices.wheelhouse.wheels import (
    FORMAT,
    MACHINE,
    MANIFEST,
    Manifest,
    Wheelhouse,
    dumps,
    is_wheelhouse,
    load,
    sha256,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from edge_fer.progress import ProgressListener

PLATFORMS: Final = (*(f"manylinux_2_{minor}_aarch64" for minor in (17, 27, 28, 31, 34, 35)), "manylinux2014_aarch64")
"""What the glibc of these systems, 2.36 and later, can load."""
STREAMS: Final = "# streams"
"""Stands in the lock before what only films and network streams need."""
DOWNLOAD_TIMEOUT_S: Final = 1800


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
        (folder / MANIFEST).write_text(dumps(manifest))
        _replace(folder, out)
    return load(out)


def requirements(*, streams: bool) -> str:
    """Return the locked requirements, with hashes."""
    text = (resources.files("edge_fer_devices") / "locks" / f"{MACHINE}.txt").read_text()
    return text if streams else text.partition(STREAMS)[0]


def _download(folder: Path, python: str, *, streams: bool) -> None:
    """Let pip download the locked wheels into *folder*, and check their hashes."""
    if importlib.util.find_spec("pip") is None:
        raise MissingDependency(
            f"pip, which downloads the wheels, is not installed: {sys.executable} -m ensurepip, or pass --wheelhouse"
        )
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lock:
        lock.write(requirements(streams=streams))
        lock.flush()
        command = [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps",
            "--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", python,
            *platforms, "--requirement", lock.name, "--dest", str(folder),
        ]  # fmt: skip
        done = run(command, timeout_s=DOWNLOAD_TIMEOUT_S, remedy="try again, or pass --wheelhouse")
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
