"""What the checks look at: this machine, or one that a test makes up."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_fer import host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edge_fer_devices.doctor.probes import Probe

OPENCV: Final = (
    "opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python",
)  # fmt: skip
"""Distributions of OpenCV. All of them install the same folder, ``cv2``."""
LITERT: Final = ("ai-edge-litert", "tflite-runtime", "tensorflow", "tensorflow-cpu")
OTHERS: Final = ("numpy", "picamera2", "simplejpeg", "gpiozero", "lgpio", "openvino", "onnxruntime")
UNKNOWN: Final = "of an unknown version"
"""What stands for the version of a distribution whose metadata is damaged or missing."""


@dataclass(frozen=True)
class Package:
    """An installed distribution."""

    version: str
    tags: tuple[str, ...] = ()
    """What its wheel was built for, such as ``cp311-cp311-manylinux_2_27_x86_64``; empty where it came in no wheel."""


@dataclass(frozen=True)
class Budget:
    """What edge-fer may take on a machine; see `edge_fer.profile.Budget`, which cannot be imported without pydantic."""

    memory_mb: int
    temperature_c: float


@dataclass(frozen=True)
class Machine:
    """What the checks look at."""

    root: Path
    """Folder that stands for ``/``."""
    facts: Mapping[str, Any]
    """As `edge_fer.host.facts` returns them."""
    packages: Mapping[str, Package]
    """The installed ones, by name."""
    budget: Budget | None
    """What edge-fer may take on this kind of board; None where the board is unknown."""
    environment: Mapping[str, str]
    python: tuple[int, int]
    executable: str
    """The path of this Python."""
    bits: int
    """Size of a pointer of this Python, in bits."""
    now_s: float
    """The time of the clock, in seconds since 1970."""
    installed_s: float
    """When edge-fer was installed, in the same seconds: the clock cannot be before it."""
    source: str | None
    """The source of frames that the user means to use."""
    may_use: Callable[[Path], bool]
    """Whether this user may read and write a file."""
    free_mb: Callable[[Path], float]
    """Free space for this user in a folder's file system, in MiB."""
    has_module: Callable[[str], bool]
    """Whether a module can be found, without importing it."""
    probes: Mapping[str, Probe]
    """What was tried in other processes, by name."""

    @property
    def is_raspberry_pi(self) -> bool:
        """Whether the device tree says so."""
        return "Raspberry Pi" in (self.facts["model"] or "")

    @property
    def pip(self) -> str:
        """The command that installs packages where this edge-fer looks for them."""
        return f"{shlex.quote(self.executable)} -m pip install"

    def text(self, path: str) -> str | None:
        """Return the text of the file at *path*, below the root; None if there is none, or none that may be read."""
        try:
            return (self.root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return None

    def files(self, pattern: str) -> list[str]:
        """Return the paths, below the root, that match *pattern*, sorted."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))

    def exists(self, path: str) -> bool:
        """Return whether there is something at *path*, below the root."""
        try:
            return (self.root / path.lstrip("/")).exists()
        except OSError:
            return False

    def installed(self, names: tuple[str, ...]) -> dict[str, Package]:
        """Return which of the packages *names* are installed."""
        return {name: self.packages[name] for name in names if name in self.packages}


def this_machine(budget: Budget | None, source: str | None, probes: Mapping[str, Probe]) -> Machine:
    """Return the machine that this program runs on."""
    return Machine(
        root=host.ROOT,
        facts=host.facts(),
        packages=_packages(),
        budget=budget,
        environment=dict(os.environ),
        python=sys.version_info[:2],
        executable=sys.executable or "python3",
        bits=64 if sys.maxsize > 2**32 else 32,
        now_s=time.time(),
        installed_s=Path(__file__).stat().st_mtime,
        source=source,
        may_use=lambda path: os.access(path, os.R_OK | os.W_OK),
        free_mb=lambda path: shutil.disk_usage(path).free / 2**20,
        has_module=_has_module,
        probes=probes,
    )


def _packages() -> dict[str, Package]:
    found = {}
    for name in (*OPENCV, *LITERT, *OTHERS):
        try:
            found[name] = _package(metadata.distribution(name))
        except metadata.PackageNotFoundError:
            continue
        except Exception:  # noqa: BLE001  (whatever damaged metadata makes its parser raise)
            found[name] = Package(UNKNOWN)
    return found


def _package(distribution: metadata.Distribution) -> Package:
    tags = []
    for line in (distribution.read_text("WHEEL") or "").splitlines():
        key, _, value = line.partition(":")
        if key == "Tag":
            tags.append(value.strip())
    # Without its metadata, a distribution has no version, whatever its type says.
    return Package(distribution.version or UNKNOWN, tuple(tags))


def _has_module(name: str) -> bool:
    try:
        return util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
