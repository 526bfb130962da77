"""Facts about the machine: a measurement can only be compared with another when they are known.

Facts come from ``/proc`` and ``/sys``, of this machine or of a copy below another root. A fact that the machine does
not give is None, never a guess: systems without ``/proc``, such as macOS, give few.
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
"""Instruction sets that decide the speed of int8 and float32, named as in ``/proc/cpuinfo``.

On Arm ``asimddp`` is the int8 dot product and ``asimdhp`` is float16 arithmetic."""
THROTTLED: Final = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of a Raspberry Pi's ``get_throttled`` for the present; 16 bits higher, the same since it was started."""
FIRMWARE_TIMEOUT_S: Final = 5.0
ROOT: Final = Path("/")
RAPL: Final = "sys/class/powercap/intel-rapl:0/energy_uj"
POWER_SENSORS: Final = "sys/class/hwmon/hwmon*/power1_input"
CPUFREQ: Final = "sys/devices/system/cpu/cpu0/cpufreq"


def facts(root: Path = ROOT) -> dict[str, Any]:
    """Return the facts about this machine and its software, ready for JSON; sizes in MiB, clocks in MHz."""
    cpu = _cpu(root)
    memory = _memory(root)
    return {
        "machine": platform.machine(),
        "model": _text(root / "proc/device-tree/model"),
        "soc": _soc(root),
        # Kernels on Arm give no name, only the number of the core's design.
        "cpu": cpu.get("model name") or cpu.get("CPU part"),
        "cpu_features": _cpu_features(cpu),
        "cores": usable_cores(),
        "governor": _text(root / CPUFREQ / "scaling_governor"),
        "frequency_mhz": frequency_mhz(root),
        "max_frequency_mhz": _thousandth(root / CPUFREQ / "cpuinfo_max_freq"),
        "temperature_c": temperature_c(root),
        "throttled": throttled(root),
        "memory_mb": memory.get("MemTotal"),
        "swap_mb": memory.get("SwapTotal"),
        "load_1min": load_1min(),
        "power": power_source(root),
        "system": _os_name(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "python": sys.version.split()[0],
        "packages": _packages(),
    }


def machine_name(known: dict[str, Any], otherwise: str) -> str:
    """Return the best name of a machine in its `facts`, *known*; *otherwise*, if they hold none."""
    # The model says most about a board, but only device trees give it; a PC has the name of its processor.
    return known["model"] or known["cpu"] or otherwise


def usable_cores() -> int:
    """Return how many cores this process may use; where the system does not tell, how many there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity
        return os.cpu_count() or 1


def load_1min() -> float | None:
    """Return the load average of the last minute."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows does not have it, some containers hide it
        return None


def temperature_c(root: Path = ROOT) -> float | None:
    """Return the temperature of the hottest thermal zone, in degrees Celsius."""
    zones = _thousandths(root, "sys/class/thermal/thermal_zone*/temp")
    return max(zones, default=None)


def frequency_mhz(root: Path = ROOT) -> float | None:
    """Return the present mean clock of the cores, in MHz."""
    clocks = _thousandths(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
    return sum(clocks) / len(clocks) if clocks else None


def throttled(root: Path = ROOT) -> int | None:
    """Return a Raspberry Pi's throttling bits (see `THROTTLED`); None on anything else."""
    text = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    # Not every kernel has the file. vcgencmd answers for this machine only, so not for a copy below another root.
    if text is None and root == ROOT and shutil.which("vcgencmd"):
        text = _vcgencmd_throttled()
    try:
        return int(text, 16) if text else None
    except ValueError:
        return None


def _vcgencmd_throttled() -> str | None:
    """Return what the firmware answers; None if it does not, as without permission for its device."""
    command = ["vcgencmd", "get_throttled"]
    try:
        answer = subprocess.run(  # noqa: S603 (no input in it)
            command, capture_output=True, text=True, timeout=FIRMWARE_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return answer.stdout.strip().removeprefix("throttled=")


def throttling(bits: int) -> tuple[str, ...]:
    """Return the names of the present states in a Raspberry Pi's throttling *bits*."""
    return tuple(name for bit, name in THROTTLED.items() if bits >> bit & 1)


def power_source(root: Path = ROOT) -> str | None:
    """Return what measures this machine's power: ``rapl``, ``hwmon`` (a sensor such as an INA219), or None."""
    if _text(root / RAPL) is not None:
        return "rapl"
    sensor = next(root.glob(POWER_SENSORS), None)
    return None if sensor is None else "hwmon"


def energy_j(root: Path = ROOT) -> float | None:
    """Return RAPL's energy counter of the CPU package, in joules. It overflows and starts again from 0."""
    return _millionth(root / RAPL)


def sensor_w(root: Path = ROOT) -> float | None:
    """Return the present reading of the first power sensor that the kernel knows (an INA219, for example), in watts."""
    for path in sorted(root.glob(POWER_SENSORS)):
        watts = _millionth(path)
        if watts is not None:
            return watts
    return None


def available_mb(root: Path = ROOT) -> int | None:
    """Return how much memory programs can still get, in MiB."""
    return _memory(root).get("MemAvailable")


def cpu_seconds(root: Path = ROOT) -> tuple[float, float] | None:
    """Return the seconds ``(busy, stolen)`` of all cores together since the machine was started.

    Stolen are those that its hypervisor gave to other machines.
    """
    # The first line sums up all cores; user, nice, system, idle, iowait, irq, softirq, steal (man 5 proc).
    first_line = (_text(root / "proc/stat") or "").partition("\n")[0]
    counts = first_line.split()[1:]
    if len(counts) < 8 or not all(count.isdecimal() for count in counts[:8]):
        return None
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(count) for count in counts[:8])
    ticks_a_second = os.sysconf("SC_CLK_TCK")
    busy = user + nice + system + irq + softirq
    return busy / ticks_a_second, steal / ticks_a_second


def process_memory_mb(process: int | str = "self") -> float | None:
    """Return the resident memory of a process, in MiB."""
    for line in (_text(Path(f"/proc/{process}/status")) or "").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return None


def process_files(process: int | str = "self") -> int | None:
    """Return how many files a process has open."""
    try:
        return len(list(Path(f"/proc/{process}/fd").iterdir()))
    except OSError:
        return None


def _cpu(root: Path) -> dict[str, str]:
    """Return the first processor's lines of ``/proc/cpuinfo``."""
    first_processor = (_text(root / "proc/cpuinfo") or "").partition("\n\n")[0]
    return _fields(first_processor)


def _cpu_features(cpu: dict[str, str]) -> list[str]:
    flags = cpu.get("flags") or cpu.get("Features") or ""  # x86 and Arm name the line differently
    present = set(flags.split())
    return [feature for feature in CPU_FEATURES if feature in present]


def _soc(root: Path) -> str | None:
    """Return the last word of the device tree's ``compatible``: ``brcm,bcm2712`` on a Raspberry Pi 5."""
    text = _text(root / "proc/device-tree/compatible")
    return text.split("\x00")[-1] if text else None


def _memory(root: Path) -> dict[str, int]:
    """Return the lines of ``/proc/meminfo``, in MiB."""
    sizes = {}
    for name, value in _fields(_text(root / "proc/meminfo") or "").items():
        number = value.partition(" ")[0]
        if number.isdecimal():
            sizes[name] = int(number) // 1024
    return sizes


def _fields(text: str) -> dict[str, str]:
    """Return the lines ``name: value`` of *text*."""
    fields = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return fields


def _os_name() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _packages() -> dict[str, str]:
    """Return the versions of those `PACKAGES` that are installed."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except (metadata.PackageNotFoundError, KeyError, ValueError):  # missing, or with damaged metadata
            continue
    return versions


def _thousandths(root: Path, pattern: str) -> list[float]:
    """Return the numbers, each divided by 1000, in the files below *root* that match *pattern*."""
    values = []
    for path in sorted(root.glob(pattern)):
        value = _thousandth(path)
        if value is not None:
            values.append(value)
    return values


def _thousandth(path: Path) -> float | None:
    text = _text(path)
    return int(text) / 1000 if text and text.lstrip("-").isdigit() else None


def _millionth(path: Path) -> float | None:
    text = _text(path)
    return int(text) / 1e6 if text and text.isdigit() else None


def _text(path: Path) -> str | None:
    """Return the text of *path*, without the NUL that ends a device tree's strings; None if it is empty or missing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\x00\n ") or None
    except OSError:
        return None
