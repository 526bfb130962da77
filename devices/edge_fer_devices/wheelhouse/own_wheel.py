"""The wheel of this edge-fer for a device: with the models that it is to run only, the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import lzma
import sys
import tempfile
import zipfile
import zlib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import edge_fer
from edge_fer.errors import BadInput, EdgeFerError, MissingDependency, one_line
from edge_fer_devices.running import run

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DISTRIBUTION: Final = "edge-fer"
PREFIX: Final = "edge_fer-"
"""How the name of its wheel begins."""
METADATA: Final = ".dist-info/METADATA"
MAX_BYTES: Final = 1 << 30
"""Largest content of a wheel."""
MODELS: Final = "edge_fer/models/"
OF_THE_INSTALLATION: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""Files that an installer adds beside those of the wheel."""
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The time that all members get: the first that a zip can hold."""
BUILD_TIMEOUT_S: Final = 300


def write(folder: Path, models: Collection[str], wheel: Path | None = None) -> Path:
    """Write the device's wheel into *folder* and return its path.

    It is made of *wheel*; where that is None, of the clone that this edge-fer runs from, or of its installed files.
    Raises `EdgeFerError`.
    """
    clone = Path(edge_fer.__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as work:
        if wheel is None and (clone / "pyproject.toml").is_file():
            wheel = _built(clone, Path(work))
        members = _members(wheel) if wheel is not None else _installed()
    name = wheel.name if wheel is not None else f"edge_fer-{edge_fer.__version__}-py3-none-any.whl"
    path = folder / name
    write_wheel(path, _for_devices(members, models))
    return path


def _built(clone: Path, folder: Path) -> Path:
    """Build the wheel of *clone* with pip, and return its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(clone)]
    done = run(command, timeout_s=BUILD_TIMEOUT_S, remedy="pass --wheel")
    if done.returncode != 0:
        raise EdgeFerError(f"the wheel of {clone} cannot be built: {one_line(done.stderr)}; pass --wheel")
    return next(folder.glob("*.whl"))


def _members(wheel: Path) -> dict[str, bytes]:
    """Return the files of *wheel* by name."""
    if not wheel.name.startswith(PREFIX) or wheel.suffix != ".whl":
        raise BadInput(f"{wheel} has not the name of a wheel of edge-fer, {PREFIX}VERSION-….whl; pass another")
    try:
        with zipfile.ZipFile(wheel) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
                raise BadInput(f"{wheel} holds more than {MAX_BYTES >> 20} MiB; pass another")
            members = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    # What zipfile raises for members that are damaged, encrypted, or packed in a way that it does not know.
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, lzma.LZMAError) as exc:
        raise BadInput(f"{wheel} is no wheel: {one_line(exc)}; pass another") from exc
    has_metadata = any(name.endswith(METADATA) for name in members)
    if "edge_fer/__init__.py" not in members or "edge_fer_devices/__init__.py" not in members or not has_metadata:
        raise BadInput(f"{wheel} is no wheel of edge-fer; pass another")
    return members


def _installed() -> dict[str, bytes]:
    """Return the files of the installed edge-fer by name."""
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError as exc:
        raise MissingDependency("edge-fer is not installed here: pip install edge-fer, or pass --wheel") from exc
    members = {}
    for path in distribution.files or ():
        # Scripts are outside of the packages: the device's installer makes its own.
        if ".." in path.parts or "__pycache__" in path.parts or path.name in OF_THE_INSTALLATION:
            continue
        members[path.as_posix()] = Path(str(distribution.locate_file(path))).read_bytes()
    return members


def _for_devices(members: Mapping[str, bytes], models: Collection[str]) -> dict[str, bytes]:
    """Return *members* without the models that are not among *models*, and without their record."""
    kept = {}
    for name, content in members.items():
        model = name.removeprefix(MODELS).partition("/")[0]
        if name.startswith(MODELS) and "/" in name.removeprefix(MODELS) and model not in models:
            continue
        if not name.endswith(".dist-info/RECORD"):
            kept[name] = content
    return kept


def write_wheel(path: Path, members: Mapping[str, bytes]) -> None:
    """Write *members* as a wheel to *path*: sorted, the metadata last, with a new record."""
    names = sorted(members, key=lambda name: (".dist-info/" in name, name))
    record = next(name for name in names if name.endswith(METADATA)).replace("METADATA", "RECORD")
    lines = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in names:
            archive.writestr(_info(name), members[name])
            digest = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(members[name])}")
        archive.writestr(_info(record), "\n".join([*lines, f"{record},,"]) + "\n")


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
