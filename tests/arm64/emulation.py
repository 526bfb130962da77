"""Arm CPUs emulated by QEMU: minimal Debian systems, with the wheel to be tested, whose programs run here one by one.

`prepare` makes a system in about half a minute, `System.run` runs one of its programs on a CPU. Everything is kept in
``build/arm64`` of the clone and made again when the wheel is another.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLONE: Final = Path(__file__).resolve().parents[2]
CACHE: Final = CLONE / "build" / "arm64"

DISTRIBUTIONS: Final = {"bookworm": "3.11", "trixie": "3.13"}
"""Debian's and Raspberry Pi OS's releases, with the Python of each."""
_OLD_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
CPUS: Final = {
    "cortex-a53": ("0xd03", _OLD_FEATURES),
    "cortex-a72": ("0xd08", _OLD_FEATURES),
    "cortex-a76": ("0xd0b", f"{_OLD_FEATURES} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"),
}
"""The CPUs of a Raspberry Pi 3, 4 and 5: part number and features, as Linux shows them in ``/proc/cpuinfo``."""
PACKAGES: Final = "base-files,python3,libstdc++6,libgomp1"
GLIBC_TAGS: Final = ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28", "manylinux_2_34")
"""What wheels for arm64 are tagged with: all of them need at most the glibc of bookworm, 2.36."""
HOME: Final = "/tmp"  # noqa: S108  (of the emulated system, made anew for each program)
BINFMT: Final = Path("/proc/sys/fs/binfmt_misc")
BINFMT_RULE: Final = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
TOOLS: Final = {"qemu-aarch64-static": "qemu-user-static", "mmdebstrap": "mmdebstrap", "bwrap": "bubblewrap"}
"""Programs, and the Debian packages that have them."""


class CannotEmulate(Exception):
    """Something that emulation needs is not here; the message says what, and what helps."""


@dataclass(frozen=True)
class System:
    """A minimal arm64 system that runs below `root`, on one CPU."""

    root: Path
    cpu: str

    def run(
        self, *command: str, shared: Path, reads: Sequence[Path] = (), timeout_s: float = 200
    ) -> subprocess.CompletedProcess[str]:
        """Run *command* in *shared*, the only folder of this machine that it can write to.

        *reads* are further folders that it sees, at the same place as here. A program that a signal ended has the
        exit code 128 and the signal's number.
        """
        binds = [part for folder in reads for part in ("--ro-bind", str(folder), str(folder))]
        # The emulator shows this machine's /proc/cpuinfo, at which LiteRT and ONNX Runtime crash. Without /sys, LiteRT
        # cannot count the cores and works without XNNPACK.
        box = [
            "bwrap", "--unshare-net", "--die-with-parent", "--bind", str(self.root), "/", "--proc", "/proc",
            "--dev", "/dev", "--ro-bind", "/sys", "/sys", "--ro-bind", str(_cpuinfo(self.cpu)), "/proc/cpuinfo",
            "--tmpfs", HOME, *binds, "--bind", str(shared), str(shared), "--chdir", str(shared),
        ]  # fmt: skip
        environment = {"HOME": HOME, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "QEMU_CPU": self.cpu}
        return subprocess.run(
            [*box, *command], check=False, capture_output=True, text=True, env=environment, timeout=timeout_s
        )


def prepare(distribution: str, wheel: Path) -> Path:
    """Return the root of *distribution* with *wheel* and what it needs. Raises `CannotEmulate`."""
    root = CACHE / distribution
    done = root / "wheel.sha256"
    key = hashlib.sha256(wheel.read_bytes() + _constraints().encode()).hexdigest()
    with _alone():
        if not done.is_file() or done.read_text() != key:
            _register()
            shutil.rmtree(root, ignore_errors=True)
            _debootstrap(distribution, root)
            _install(DISTRIBUTIONS[distribution], wheel, root)
            done.write_text(key)
        elif not _registered():
            _register()
    return root


def build_wheel() -> Path:
    """Return the wheel that ``EDGE_FER_WHEEL`` names, or a new one of this clone. Raises `CannotEmulate`."""
    if given := os.environ.get("EDGE_FER_WHEEL"):
        return Path(given).resolve()
    folder = CACHE / "wheel"
    with _alone():
        _must([sys.executable, "-m", "build", "-q", "--wheel", "--outdir", str(folder), str(CLONE)], "the wheel")
    return max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)


def install_here(wheel: Path) -> Path:
    """Return a folder with the packages of *wheel* alone, for this machine's Python: it needs what is installed."""
    folder = CACHE / "host"
    with _alone():
        shutil.rmtree(folder, ignore_errors=True)
        _must(_pip("--no-deps", "--target", str(folder), str(wheel)), "the wheel")
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time prepare: the workers of pytest-xdist share the folder."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _registered() -> bool:
    return (BINFMT / "qemu-aarch64").exists()


def _register() -> None:
    """Have Linux run arm64 programs through QEMU: once after each start of this machine."""
    for program, package in TOOLS.items():
        if shutil.which(program) is None:
            raise CannotEmulate(f"there is no {program}: apt-get install {package}")
    if _registered():
        return
    if os.geteuid() != 0:
        raise CannotEmulate("arm64 programs are not registered with Linux, which only root can do: run this as root")
    if not (BINFMT / "register").exists():
        _must(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], "binfmt_misc")
    try:
        (BINFMT / "register").write_bytes(BINFMT_RULE.read_bytes())
    except OSError as exc:
        raise CannotEmulate(f"arm64 programs cannot be registered with Linux: {exc}") from exc


def _debootstrap(distribution: str, root: Path) -> None:
    """Unpack Debian's Python below *root*. Nothing is configured, so nothing needs to be emulated for it."""
    _must(
        [
            "mmdebstrap", "--quiet", "--architectures=arm64", "--variant=extract", f"--include={PACKAGES}",
            distribution, str(root), _mirror(),
        ],
        f"Debian {distribution}",
    )  # fmt: skip
    for name in ("proc", "sys", "dev", "tmp"):
        (root / name).mkdir(exist_ok=True)


def _install(python: str, wheel: Path, root: Path) -> None:
    """Install *wheel*, its requirements and pytest below *root*, in the versions that this Python has."""
    constraints = root / "constraints.txt"
    constraints.write_text(_constraints())
    # python3 of Debian finds packages here without being told.
    site = root / "usr" / "local" / "lib" / f"python{python}" / "dist-packages"
    platforms = [f"--platform={tag}_aarch64" for tag in GLIBC_TAGS]
    _must(
        _pip(
            "--target", str(site), "--constraint", str(constraints), "--only-binary=:all:", "--implementation=cp",
            f"--python-version={python}", *platforms, f"{wheel}[onnx]", "pytest", "hypothesis",
        ),
        f"the wheel's requirements for Python {python} on arm64",
    )  # fmt: skip


def _constraints() -> str:
    """Return the versions of this Python's packages: other versions may well have other answers."""
    lines = []
    for package in ("ai-edge-litert", "av", "numpy", "onnxruntime", "opencv-python-headless", "pytest", "hypothesis"):
        try:
            lines.append(f"{package}=={metadata.version(package)}\n")
        except metadata.PackageNotFoundError as exc:
            raise CannotEmulate(f"{package} is not installed here: pip install '.[test]'") from exc
    return "".join(lines)


def _pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile", *arguments]


def _mirror() -> str:
    """Return the first mirror of this machine that has all of Debian, or Debian's own."""
    sources = [*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt/sources.list.d").glob("debian*")]
    for path in sources:
        if found := re.search(r"https?://\S+/debian/?(?=\s)", path.read_text()):
            return found[0]
    return "http://deb.debian.org/debian"


def _cpuinfo(cpu: str) -> Path:
    """Return a file as ``/proc/cpuinfo`` is on *cpu*, with as many cores as this machine has."""
    part, features = CPUS[cpu]
    path = CACHE / f"cpuinfo.{cpu}"
    if not path.exists():
        lines = (
            f"BogoMIPS\t: 108.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
            f"CPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 3\n\n"
        )
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text("".join(f"processor\t: {core}\n{lines}" for core in range(os.cpu_count() or 1)))
        fresh.replace(path)
    return path


def _must(command: list[str], what: str) -> None:
    """Run *command*, which makes *what*. Raises `CannotEmulate` with the end of its output if it fails."""
    ended = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ended.returncode:
        raise CannotEmulate(f"{what} cannot be had: {command[0]} says: {ended.stdout[-1500:].strip()}")
