"""Facts about the machine that a result is worthless without. What cannot be told is None, never a guess.

Everything is read from ``/proc`` and ``/sys``, of this machine or of a copy below another root.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    "edge-fer", "ai-edge-litert", "tflite-runtime", "tensorflow", "tensorflow-cpu", "openvino", "onnxruntime", "numpy",
    "opencv-python-headless", "opencv-python",
)  # fmt: skip
CPU_FEATURES: Final = (
    "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "asimdhp", "sve",
)  # fmt: skip
"""What decides how fast int8 and float32 are; names as in ``/proc/cpuinfo``.

On Arm ``asimddp`` is the int8 dot product, ``asimdhp`` float16."""
THROTTLED: Final = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of a Raspberry Pi's ``get_throttled``: now; 16 higher, since it was started."""
ROOT: Final = Path("/")


def facts(root: Path = ROOT) -> dict[str, Any]:
    """Return what is known of this machine and its software, ready for JSON."""
    cpu = _cpu(root)
    memory = _memory(root)
    return {
        "machine": platform.machine(),
        "model": _text(root / "proc/device-tree/model"),
        "soc": _soc(root),
        "cpu": cpu.get("model name") or cpu.get("CPU part"),
        "cpu_features": [
            flag for flag in CPU_FEATURES if flag in (cpu.get("flags") or cpu.get("Features") or "").split()
        ],
        "cores": len(os.sched_getaffinity(0)),
        "governor": _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "frequency_mhz": frequency_mhz(root),
        "max_frequency_mhz": _thousandth(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"),
        "temperature_c": temperature_c(root),
        "throttled": throttled(root),
        "memory_mb": memory.get("MemTotal"),
        "swap_mb": memory.get("SwapTotal"),
        "load_1min": os.getloadavg()[0],
        "power": power_source(root),
        "system": _os_name(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "python": sys.version.split()[0],
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def temperature_c(root: Path = ROOT) -> float | None:
    """Return the hottest thermal zone, in degrees Celsius."""
    zones = (_thousandth(path) for path in sorted(root.glob("sys/class/thermal/thermal_zone*/temp")))
    return max((zone for zone in zones if zone is not None), default=None)


def frequency_mhz(root: Path = ROOT) -> float | None:
    """Return the mean clock of the cores now, in MHz."""
    clocks = [_thousandth(path) for path in root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")]
    known = [clock for clock in clocks if clock is not None]
    return sum(known) / len(known) if known else None


def throttled(root: Path = ROOT) -> int | None:
    """Return a Raspberry Pi's throttling bits (see `THROTTLED`); None on anything else."""
    text = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    if text is None and root == ROOT and shutil.which("vcgencmd"):
        command = ["vcgencmd", "get_throttled"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (no input in it)
        text = asked.stdout.strip().removeprefix("throttled=") if asked.returncode == 0 else None
    try:
        return int(text, 16) if text else None
    except ValueError:
        return None


def throttling(bits: int) -> tuple[str, ...]:
    """Return in words what a Raspberry Pi's throttling *bits* say of now."""
    return tuple(words for bit, words in THROTTLED.items() if bits >> bit & 1)


def power_source(root: Path = ROOT) -> str | None:
    """Return what tells this machine's power: ``rapl``, or ``hwmon``, a sensor such as an INA219; None without any."""
    if _text(root / "sys/class/powercap/intel-rapl:0/energy_uj") is not None:
        return "rapl"
    return "hwmon" if next(root.glob("sys/class/hwmon/hwmon*/power1_input"), None) else None


def energy_j(root: Path = ROOT) -> float | None:
    """Return RAPL's counter of the package, in joules; it starts anew now and then."""
    text = _text(root / "sys/class/powercap/intel-rapl:0/energy_uj")
    return int(text) / 1e6 if text and text.isdigit() else None


def sensor_w(root: Path = ROOT) -> float | None:
    """Return what a power sensor of the kernel (an INA219, for instance) reads now, in watts."""
    texts = (_text(path) for path in sorted(root.glob("sys/class/hwmon/hwmon*/power1_input")))
    return next((int(text) / 1e6 for text in texts if text and text.isdigit()), None)


def cpu_seconds(root: Path = ROOT) -> tuple[float, float] | None:
    """Return ``(busy, stolen)`` seconds of all cores since the machine was started; stolen by its hypervisor."""
    first = (_text(root / "proc/stat") or "").splitlines()[:1]
    counts = first[0].split()[1:] if first else []
    if len(counts) < 8:
        return None
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(count) for count in counts[:8])
    tick = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / tick, steal / tick


def process_memory_mb(process: int | str = "self") -> float | None:
    """Return the resident memory of a process, in MiB."""
    for line in (_text(Path(f"/proc/{process}/status")) or "").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return None


def process_files(process: int | str = "self") -> int | None:
    """Return how many files a process has open."""
    try:
        return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    except OSError:
        return None


def _cpu(root: Path) -> dict[str, str]:
    """Return the first processor's lines of ``/proc/cpuinfo``."""
    first = (_text(root / "proc/cpuinfo") or "").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _soc(root: Path) -> str | None:
    """Return the last word of the device tree's ``compatible``: ``brcm,bcm2712`` on a Raspberry Pi 5."""
    text = _text(root / "proc/device-tree/compatible")
    return text.split("\x00")[-1] if text else None


def _memory(root: Path) -> dict[str, int]:
    """Return the lines of ``/proc/meminfo``, in MiB."""
    pairs = (line.partition(":") for line in (_text(root / "proc/meminfo") or "").splitlines())
    return {key: int(value.split()[0]) // 1024 for key, _, value in pairs if value.split()[:1]}


def _os_name() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _thousandth(path: Path) -> float | None:
    text = _text(path)
    return int(text) / 1000 if text and text.lstrip("-").isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\x00\n ") or None
    except OSError:
        return None
