"""Facts about the machine that a result is worthless without. What cannot be told is None, never a guess."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("ai-edge-litert", "tflite-runtime", "tensorflow", "numpy", "opencv-python-headless", "opencv-python")
CPU_FEATURES: Final = (
    "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "asimdhp", "sve",
)  # fmt: skip
"""What decides how fast int8 and float32 are; names as in ``/proc/cpuinfo``."""


def facts() -> dict[str, Any]:
    """Return what is known of this machine and its software, ready for JSON."""
    cpu = _cpu()
    return {
        "machine": platform.machine(),
        "model": _read("/proc/device-tree/model"),
        "cpu": cpu.get("model name") or cpu.get("CPU part"),
        "cpu_features": [
            flag for flag in CPU_FEATURES if flag in (cpu.get("flags") or cpu.get("Features") or "").split()
        ],
        "cores": len(os.sched_getaffinity(0)),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "temperature_c": _millis("/sys/class/thermal/thermal_zone0/temp"),
        "memory_mb": _memory_mb(),
        "load_1min": os.getloadavg()[0],
        "system": _os_name(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "python": sys.version.split()[0],
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _cpu() -> dict[str, str]:
    """Return the first processor's lines of ``/proc/cpuinfo``."""
    first = (_read("/proc/cpuinfo") or "").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _memory_mb() -> int | None:
    for line in (_read("/proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return None


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


def _millis(path: str) -> float | None:
    text = _read(path)
    return int(text) / 1000 if text and text.lstrip("-").isdigit() else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip("\x00\n ") or None
    except OSError:
        return None
