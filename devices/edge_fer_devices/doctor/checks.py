"""The table of the checks, and how they are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from edge_fer.errors import one_line
from edge_fer_devices.doctor import accessories, cameras, models, packages, processor, resources, system
from edge_fer_devices.doctor.finding import Finding, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from edge_fer_devices.doctor.machine import Machine

Check = Callable[["Machine"], Finding]

CHECKS: Final[dict[str, Check]] = {
    "64-bit system": system.bits,
    "Python": system.python,
    "glibc": system.glibc,
    "OpenCV": packages.opencv,
    "LiteRT": packages.litert,
    "XNNPACK": models.xnnpack,
    "golden answers": models.golden,
    "NumPy": packages.numpy,
    "camera": cameras.permission,
    "ribbon camera": cameras.csi,
    "disk": resources.disk,
    "memory": resources.memory,
    "swap": resources.swap,
    "governor": processor.governor,
    "temperature": processor.temperature,
    "throttling": processor.throttling,
    "clock": system.clock,
    "home folder": system.home,
    "GPIO": accessories.gpio,
    "watchdog": accessories.watchdog,
}
"""The checks by name, in the order in which they are shown."""


def diagnose(machine: Machine, checks: Mapping[str, Check] = CHECKS) -> Iterator[tuple[str, Finding]]:
    """Yield the name and the finding of each check. A check that fails itself is a finding, too."""
    for name, check in checks.items():
        try:
            finding = check(machine)
        except Exception as exc:  # noqa: BLE001  (what a strange machine makes a check raise must not hide the others)
            says = f"could not be checked: {type(exc).__name__}: {one_line(exc)}"
            finding = warning(says, "# tell the authors of edge-fer, with this line")
        yield name, finding
